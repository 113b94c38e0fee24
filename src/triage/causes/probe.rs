//! Probes.

table! {
    LivenessProbeFailing Probe Broad {
        definition: "The kubelet restarts a container because its liveness probe fails.",
        signal: "Killing event: the container failed its liveness probe and will be restarted.",
        confirm: "The probe fails against a running container just before each restart.",
        refute: "The container ends by itself before the probe fails.",
        advice: "Correct path, port, timeout or initial delay of the liveness probe, or fix what makes the endpoint fail.",
    }
    StartupProbeFailing Probe Broad {
        definition: "The kubelet restarts a container because it does not pass its startup probe in time.",
        signal: "Killing event: the container failed its startup probe and will be restarted.",
        confirm: "The container needs longer than failureThreshold x periodSeconds, or the probe asks the wrong endpoint.",
        refute: "The container ends by itself before the probe gives up.",
        advice: "Raise failureThreshold or correct the probe; otherwise make the start faster.",
    }
    ReadinessProbeFailing Probe Broad {
        definition: "A running container fails its readiness probe, so its pod gets no traffic.",
        signal: "Unhealthy event of the readiness probe for a container that runs and is not ready.",
        confirm: "The probe's request fails from inside the pod as well.",
        refute: "The pod becomes ready without a change.",
        advice: "Correct path or port of the readiness probe, or fix what the endpoint reports.",
    }
    ProbeWrongScheme Probe Specific {
        definition: "A probe speaks HTTP to a port that speaks HTTPS, or the other way round.",
        signal: "The probe's failure says: server gave HTTP response to HTTPS client, or malformed HTTP response.",
        confirm: "The endpoint answers with the other scheme.",
        refute: "It answers with the scheme of the probe.",
        advice: "Set the probe's scheme to what the port speaks.",
    }
    ProbeBadCommand Probe Specific {
        definition: "An exec probe runs a command that the image does not hold.",
        signal: "The probe's failure says: executable file not found, no such file, or permission denied.",
        confirm: "The command fails in the running container as well.",
        refute: "It works there.",
        advice: "Correct the probe's command, or use an HTTP, TCP or gRPC probe.",
    }
    ProbeWrongPort Probe Specific {
        definition: "A probe asks a port on which the container does not listen.",
        signal: "The probe's connection is refused while the process runs, and the container declares, or its log names, another port.",
        confirm: "The endpoint answers on the other port.",
        refute: "The process has not opened the probe's port yet, or has failed.",
        advice: "Set the probe's port to the one that the container listens on.",
    }
    ProbeWrongPath Probe Specific {
        definition: "A probe asks for a path that the application does not serve.",
        signal: "The probe's failure says: HTTP probe failed with statuscode: 404.",
        confirm: "The application answers 404 for the probe's path and serves its health under another one.",
        refute: "The path is served once the application has started.",
        advice: "Set the probe's path to the one under which the application serves its health.",
    }
    ProbeTiming Probe Specific {
        definition: "A liveness or startup probe gives up before a sound process has started or answered.",
        signal: "The container is killed for its probe while its log shows a start that goes on, or answers later than timeoutSeconds, without an error.",
        confirm: "The start, or the answer, takes longer than the probe's delay, period, threshold and timeout allow.",
        refute: "The process stays silent however long one waits, or logs an error.",
        advice: "Give the start a startupProbe with room, and raise timeoutSeconds or failureThreshold where answers are slow.",
    }
}
