//! Pods that wait for a node.

table! {
    InsufficientCpu Scheduling Specific {
        definition: "No eligible node has as much unreserved CPU as the pod requests.",
        signal: "FailedScheduling: Insufficient cpu on the nodes that pass every other filter.",
        confirm: "The request exceeds what is allocatable or free on each eligible node.",
        refute: "A node that passes the other filters has enough free CPU.",
        advice: "Lower the CPU request to the real need, or add capacity.",
    }
    InsufficientMemory Scheduling Specific {
        definition: "No eligible node has as much unreserved memory as the pod requests.",
        signal: "FailedScheduling: Insufficient memory on the nodes that pass every other filter.",
        confirm: "The request exceeds what is allocatable or free on each eligible node.",
        refute: "A node that passes the other filters has enough free memory.",
        advice: "Lower the memory request to the real need, or add capacity.",
    }
    InsufficientResource Scheduling Specific {
        definition: "No eligible node has enough of another resource: GPUs, ephemeral storage or pod slots.",
        signal: "FailedScheduling: Insufficient of that resource, or Too many pods.",
        confirm: "No eligible node offers the resource in that amount.",
        refute: "A node that passes the other filters has enough of it.",
        advice: "Lower the request, free the resource, or add nodes that offer it.",
    }
    NodeSelectorMismatch Scheduling Specific {
        definition: "No node carries the labels that the pod's nodeSelector demands.",
        signal: "FailedScheduling: didn't match Pod's node affinity/selector; no node has the labels.",
        confirm: "No node matches the nodeSelector.",
        refute: "A node matches it.",
        advice: "Correct the nodeSelector in the workload, or label a node.",
    }
    AffinityUnsatisfied Scheduling Specific {
        definition: "The pod's required node affinity or pod affinity leaves no node.",
        signal: "FailedScheduling: didn't match Pod's node affinity/selector, or pod affinity rules.",
        confirm: "Each eligible node violates a required rule.",
        refute: "An eligible node satisfies them all.",
        advice: "Relax the rule to preferred or correct its labels; or add or label nodes.",
    }
    AntiAffinity Scheduling Specific {
        definition: "A required pod anti-affinity rule leaves no node.",
        signal: "FailedScheduling: didn't match pod anti-affinity rules, or didn't satisfy existing pods' anti-affinity rules.",
        confirm: "A pod that the rule keeps away runs on each eligible node.",
        refute: "An eligible node runs no such pod.",
        advice: "Relax the rule to preferred, lower the replicas, or add nodes.",
    }
    UntoleratedTaint Scheduling Specific {
        definition: "Every otherwise fitting node has a taint that the pod does not tolerate.",
        signal: "FailedScheduling: untolerated taint on the nodes that pass every other filter.",
        confirm: "The pod has no toleration for the taint.",
        refute: "A fitting node has no such taint.",
        advice: "Add the toleration to the workload if it belongs there, or remove the taint.",
    }
    NodeCordoned Scheduling Specific {
        definition: "The nodes that would fit are cordoned.",
        signal: "FailedScheduling: node(s) were unschedulable; a fitting node has spec.unschedulable.",
        confirm: "The pod is placed once the node is uncordoned.",
        refute: "Another filter would still reject the cordoned node.",
        advice: "Uncordon the node once its maintenance is over, or add capacity.",
    }
    TopologySpread Scheduling Specific {
        definition: "The pod's topology spread constraints leave no node.",
        signal: "FailedScheduling: didn't match pod topology spread constraints, on the nodes that pass every other filter.",
        confirm: "Each eligible domain would exceed maxSkew.",
        refute: "A domain has room within maxSkew.",
        advice: "Add nodes in the domain that is short, or relax whenUnsatisfiable or maxSkew.",
    }
    HostPortTaken Scheduling Specific {
        definition: "Every eligible node has the pod's host port in use.",
        signal: "FailedScheduling: didn't have free ports for the requested pod ports.",
        confirm: "Another pod with the same hostPort runs on each eligible node.",
        refute: "A node has the port free.",
        advice: "Drop the hostPort in favour of a Service, or run no more replicas than nodes.",
    }
    SchedulingGated Scheduling Specific {
        definition: "A scheduling gate holds the pod back.",
        signal: "PodScheduled is False with SchedulingGated, or spec.schedulingGates is not empty.",
        confirm: "The pod is placed once the gate is removed.",
        refute: "The pod has no gate.",
        advice: "Find the controller that owns the gate and see why it does not lift it.",
    }
    Preempted Scheduling Specific {
        definition: "The pod had to give way to a pod of higher priority.",
        signal: "Preempted event, or DisruptionTarget with PreemptionByScheduler.",
        confirm: "The preempting pod runs in its place.",
        refute: "The pod was evicted for another reason.",
        advice: "Give the workload a fitting priority class, or add capacity.",
    }
    NoNodes Scheduling Infrastructure {
        definition: "The cluster has no node for any pod.",
        signal: "FailedScheduling: no nodes available to schedule pods.",
        confirm: "The list of nodes is empty.",
        refute: "There are nodes.",
        advice: "Bring up nodes; check the node group and its autoscaler.",
    }
    SchedulerMissing Scheduling Specific {
        definition: "The pod names a scheduler that does not look at it.",
        signal: "schedulerName is not the default and the pod has neither a PodScheduled condition nor scheduling events.",
        confirm: "No pod of that scheduler runs.",
        refute: "The scheduler reports about the pod.",
        advice: "Run that scheduler, or remove schedulerName.",
    }
}
