//! Objects that the API server refuses.

table! {
    QuotaExceeded Admission Specific {
        definition: "Pods cannot be created because a ResourceQuota is used up.",
        signal: "FailedCreate: exceeded quota.",
        confirm: "used plus requested exceeds hard in the quota's status.",
        refute: "The quota has room for the request.",
        advice: "Raise the quota, free what the namespace does not need, or lower the requests.",
    }
    QuotaResourcesUnspecified Admission Specific {
        definition: "A ResourceQuota demands requests or limits that the pods do not state.",
        signal: "FailedCreate: failed quota, must specify.",
        confirm: "A container lacks the request or limit that the quota counts.",
        refute: "Every container states them.",
        advice: "State the missing requests and limits in the workload, or give the namespace a LimitRange with defaults.",
    }
    LimitRangeViolated Admission Specific {
        definition: "Pods cannot be created because their resources violate a LimitRange.",
        signal: "FailedCreate: maximum or minimum usage per container or pod.",
        confirm: "The container's resources lie outside the LimitRange.",
        refute: "They lie within it.",
        advice: "Bring the workload's resources into the range, or change the LimitRange.",
    }
    AdmissionDenied Admission Specific {
        definition: "Admission control refuses the workload's pods.",
        signal: "FailedCreate: an admission webhook or a ValidatingAdmissionPolicy denied the request.",
        confirm: "Creating the same pod by hand is refused with the same message.",
        refute: "The pod is admitted.",
        advice: "Change the pod template so that it satisfies the policy, or have the policy changed.",
    }
    AdmissionWebhookUnavailable Admission Infrastructure {
        definition: "An admission webhook does not answer, so objects cannot be created.",
        signal: "FailedCreate: failed calling webhook.",
        confirm: "The webhook's service has no ready endpoint or does not answer.",
        refute: "The webhook answers.",
        advice: "Bring the webhook's backend up again, or relax its failurePolicy meanwhile.",
    }
    PodSecurity Admission Specific {
        definition: "Pod Security admission refuses the workload's pods.",
        signal: "FailedCreate: violates PodSecurity.",
        confirm: "The namespace's enforced level forbids what the template asks for.",
        refute: "The pod is admitted.",
        advice: "Give the pod template the security context that the level demands, or change the namespace's level.",
    }
    PriorityClassMissing Admission Specific {
        definition: "Pods cannot be created because their PriorityClass does not exist.",
        signal: "FailedCreate: no PriorityClass with name was found.",
        confirm: "No PriorityClass has the name.",
        refute: "It exists.",
        advice: "Create the PriorityClass or correct priorityClassName.",
    }
    RuntimeClassMissing Admission Specific {
        definition: "Pods cannot be created or started because their RuntimeClass does not exist.",
        signal: "RuntimeClass not found, in FailedCreate or FailedCreatePodSandBox.",
        confirm: "No RuntimeClass has the name, or the node's runtime lacks its handler.",
        refute: "It exists and the node has the handler.",
        advice: "Create the RuntimeClass or correct runtimeClassName.",
    }
    NamespaceTerminating Admission Specific {
        definition: "Nothing can be created because the namespace is being deleted.",
        signal: "FailedCreate: because it is being terminated; the Namespace is Terminating.",
        confirm: "The Namespace has a deletionTimestamp.",
        refute: "The Namespace is Active.",
        advice: "Find out who deleted it and which finalizer holds it; deploy to a new namespace.",
    }
    NamespaceMissing Admission Specific {
        definition: "The namespace that something is to be created in does not exist.",
        signal: "The namespace is not in the cluster, or an error says: namespaces not found.",
        confirm: "kubectl get namespace answers NotFound.",
        refute: "The namespace exists.",
        advice: "Create the namespace, or correct the name of the namespace where it is asked for.",
    }
}
