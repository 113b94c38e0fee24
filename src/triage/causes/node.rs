//! Nodes and what they run on.

table! {
    NodeNotReady Node Infrastructure {
        definition: "A node's kubelet no longer reports Ready, so its pods are unreachable or cannot be started.",
        signal: "The node's Ready condition is False or Unknown.",
        confirm: "The node stays NotReady and the affected pods sit on it.",
        refute: "The node is Ready, or the failing pods run on other nodes.",
        advice: "Check the kubelet, container runtime and network of the node; drain or replace it if it does not return.",
    }
    MemoryPressure Node Infrastructure {
        definition: "The node is short of memory and evicts pods.",
        signal: "MemoryPressure is True, or pods were evicted: the node was low on resource memory.",
        confirm: "Usage of the node is at its eviction threshold.",
        refute: "The node has memory to spare.",
        advice: "Find the pods without limits that take the memory, set requests, or add capacity.",
    }
    DiskPressure Node Infrastructure {
        definition: "The node is short of disk and evicts pods.",
        signal: "DiskPressure is True, or pods were evicted: the node was low on resource ephemeral-storage.",
        confirm: "The node's image or root file system is nearly full.",
        refute: "The node has space left.",
        advice: "Clean images and logs on the node, and find what writes to its disk.",
    }
    PidPressure Node Infrastructure {
        definition: "The node runs out of process ids.",
        signal: "PIDPressure is True.",
        confirm: "A pod forks without bound.",
        refute: "The node has few processes.",
        advice: "Find the pod that leaks processes and set a pod pid limit.",
    }
    RuntimeDown Node Infrastructure {
        definition: "The node's container runtime does not work.",
        signal: "Ready is False with: container runtime is down, or PLEG is not healthy.",
        confirm: "The runtime's service on the node hangs or has stopped.",
        refute: "The runtime answers.",
        advice: "Restart the container runtime on the node; drain the node if it comes back.",
    }
    NetworkUnavailable Node Infrastructure {
        definition: "The node has no pod network.",
        signal: "The condition NetworkUnavailable is True.",
        confirm: "The network plugin or the cloud's route controller has not set the node up.",
        refute: "Pods on the node reach others.",
        advice: "Check the network plugin's pod on the node and the cloud's routes.",
    }
    ClockSkew Node Infrastructure {
        definition: "The node's clock is wrong.",
        signal: "The log says: certificate is not yet valid, token used before issued, or clock skew.",
        confirm: "The node's time differs from the others'.",
        refute: "The clocks agree.",
        advice: "Repair time synchronisation on the node.",
    }
    VersionSkew Node Infrastructure {
        definition: "The node's kubelet is outside the supported versions of the control plane.",
        signal: "kubeletVersion is newer than, or more than three minor versions behind, the control plane's.",
        confirm: "The kubelet's log complains of unknown fields or APIs.",
        refute: "The versions are within the supported skew.",
        advice: "Upgrade the node, or roll its kubelet back.",
    }
}
