//! Containers that end badly, and memory.

table! {
    OomKilled Memory Specific {
        definition: "A container used more memory than its limit and the kernel killed it.",
        signal: "A container's termination reason is OOMKilled.",
        confirm: "Memory usage climbs to the limit before each kill.",
        refute: "Usage stays well below the limit, or the kill came from a probe or an eviction.",
        advice: "Raise the memory limit to the real need, or fix the memory growth in the application.",
    }
    BadCommand Container Specific {
        definition: "The container's command or entrypoint cannot be executed.",
        signal: "Exit code 126 or 127, or the runtime reports that the executable is missing or not executable.",
        confirm: "The executable named in command, args or the image entrypoint does not exist in the image.",
        refute: "The same command starts in the same image.",
        advice: "Correct command/args in the workload, or use an image that holds the executable.",
    }
    ApplicationError Container Broad {
        definition: "The application ends by itself with an error.",
        signal: "A non-zero exit code that neither the kernel, a probe nor the runtime explains, with an error in the log.",
        confirm: "The last error of the log comes back on each start.",
        refute: "The log ends without an error, or another fault explains the exit.",
        advice: "Fix what the log line names; roll back if it began with a new version.",
    }
    PortInUse Container Specific {
        definition: "A process cannot listen because its port is taken already.",
        signal: "The log of an ended container says: address already in use.",
        confirm: "Another container of the pod, or another process on the host network, holds the port.",
        refute: "The same container starts alone with the same port.",
        advice: "Give one of the two another port, or remove the duplicate container or hostNetwork.",
    }
    Segfault Container Specific {
        definition: "The process crashes in native code.",
        signal: "Exit code 139, 134, 132, 135 or 136: SIGSEGV, SIGABRT, SIGILL, SIGBUS or SIGFPE.",
        confirm: "The crash comes back with the same image and input; a core dump names the place.",
        refute: "The exit code comes from a shell script that returns it by itself.",
        advice: "Roll the image back, and look for a native library that does not fit the base image or the CPU.",
    }
    KilledBySignal Container Broad {
        definition: "Something outside the process ends it with a signal, and neither memory, a probe nor an eviction explains it.",
        signal: "Exit code 137 or 143 without OOMKilled, probe event, eviction or error of its own.",
        confirm: "A supervisor, script or node agent sends the signal.",
        refute: "The process exits with this code by itself.",
        advice: "Find out who sends the signal: a node agent, a shutdown hook, a script in the container, a shutdown of the node.",
    }
    ChildOomKilled Memory Specific {
        definition: "The kernel kills a child process for memory while the container's main process lives on.",
        signal: "The log says that a worker was killed with SIGKILL or signal 9, perhaps out of memory.",
        confirm: "The memory limit is reached when the child dies.",
        refute: "Memory stays below the limit when the child dies.",
        advice: "Raise the memory limit or run fewer or smaller workers.",
    }
    HeapExhausted Memory Specific {
        definition: "The runtime's own heap limit is reached, before the kernel's.",
        signal: "The log says Java heap space, JavaScript heap out of memory, GC overhead limit, Metaspace or MemoryError.",
        confirm: "The heap setting is below the need while the container has memory left.",
        refute: "The kernel killed the container (OOMKilled).",
        advice: "Raise the runtime's heap limit together with the memory limit, or fix the memory growth.",
    }
    HeapAboveLimit Memory Specific {
        definition: "The runtime is allowed a larger heap than the container's memory limit.",
        signal: "OOMKilled, and -Xmx, --max-old-space-size or GOMEMLIMIT is at or above the memory limit.",
        confirm: "The heap setting plus the runtime's own needs exceeds the limit.",
        refute: "The heap setting is well below the limit.",
        advice: "Set the heap to about three quarters of the memory limit, or raise the limit.",
    }
    ExitsCleanly Container Broad {
        definition: "A container that should go on ends with success, over and over.",
        signal: "CrashLoopBackOff and the last exit code is 0.",
        confirm: "The command finishes its work or detaches into the background.",
        refute: "The container is meant to end.",
        advice: "Run the server in the foreground, or use a Job for work that ends.",
    }
    InitStuck Container Broad {
        definition: "An init container does not end, so the others never start.",
        signal: "An init container runs for more than ten minutes while the pod is Pending.",
        confirm: "What it waits for is not there.",
        refute: "It makes progress and ends.",
        advice: "Read its log; bring up what it waits for, or correct what it waits for.",
    }
    MissingLibrary Container Specific {
        definition: "The image lacks a library or module that the process loads at start.",
        signal: "The log says: error while loading shared libraries, ModuleNotFoundError, Cannot find module, ClassNotFoundException or NoClassDefFoundError.",
        confirm: "The library is not in the image.",
        refute: "The same image starts elsewhere.",
        advice: "Add the library to the image, or roll back to the image that has it.",
    }
    SandboxFailed Container Broad {
        definition: "The container runtime or the network plugin cannot set up the pod on its node.",
        signal: "FailedCreatePodSandBox events.",
        confirm: "The plugin's or runtime's log on the node shows the same error.",
        refute: "The pod starts on the same node on the next try.",
        advice: "Check the network plugin's pod and the container runtime on that node.",
    }
}
