//! Rollouts, scaling and Jobs.

table! {
    ScaledToZero Rollout Wiring {
        definition: "The workload is scaled to no replicas, so nothing serves.",
        signal: "spec.replicas is 0.",
        confirm: "Scaling up brings the pods back.",
        refute: "The workload is meant to be off.",
        advice: "Scale the workload up, and find out who or what scaled it down.",
    }
    RolloutStuck Rollout Symptom {
        definition: "A rollout does not go on: its deadline has passed, or it is held back.",
        signal: "Progressing is False with ProgressDeadlineExceeded, or the workload is partitioned or updates on deletion only.",
        confirm: "The new ReplicaSet's pods do not become available.",
        refute: "The rollout completes.",
        advice: "Lift the partition if it is held back; else find out why the new pods do not become available, or roll back.",
    }
    RolloutPaused Rollout Wiring {
        definition: "A Deployment is paused, so what was changed in it does not reach its pods.",
        signal: "spec.paused is true, and no pod runs the newest template.",
        confirm: "The rollout goes on once it is resumed.",
        refute: "Nothing was changed since it was paused.",
        advice: "kubectl rollout resume, once it is clear who paused it and why.",
    }
    BadRevision Rollout Broad {
        definition: "A new revision fails by an error of the application's own while pods of the revision before still work.",
        signal: "Only pods of the newest ReplicaSet or revision fail; ready pods of the one before are left; no more specific cause fits.",
        confirm: "The fault goes away with a rollback.",
        refute: "Pods of the old revision fail in the same way.",
        advice: "Roll back, then fix what the new revision's log names.",
    }
    SelectorOverlap Rollout Wiring {
        definition: "Two controllers select the same pods, so they count, scale or replace each other's.",
        signal: "AmbiguousSelector of an autoscaler, or two workloads of a namespace with selectors that match the same pods.",
        confirm: "A pod of one workload carries all labels of the other's selector.",
        refute: "The selectors differ in a label that tells the pods apart.",
        advice: "Recreate one of the workloads with a selector and labels of its own.",
    }
    JobFailed Rollout Symptom {
        definition: "A Job gave up.",
        signal: "Condition Failed is True.",
        confirm: "The Job's pods ended with errors.",
        refute: "The Job completed.",
        advice: "Fix what the pods' logs name and run the Job again.",
    }
    PdbDeadlock Rollout Wiring {
        definition: "A PodDisruptionBudget can never allow a disruption.",
        signal: "Its own numbers leave none (minAvailable at or above the replicas, or maxUnavailable 0) while a drain or eviction waits.",
        confirm: "Evictions are refused with: would violate the pod's disruption budget.",
        refute: "disruptionsAllowed is above 0.",
        advice: "Lower minAvailable below the replicas, or raise the replicas.",
    }
    OrdinalBlocked Rollout Symptom {
        definition: "A StatefulSet waits for a member that does not become ready.",
        signal: "OrderedReady, and a lower ordinal is not ready while higher ones are missing.",
        confirm: "The set goes on once that member is ready.",
        refute: "podManagementPolicy is Parallel.",
        advice: "Find out why that member is not ready.",
    }
    AtMaximum Rollout Wiring {
        definition: "The autoscaler wants more replicas than it may have.",
        signal: "ScalingLimited is True with TooManyReplicas.",
        confirm: "The metric stays above its target at the maximum.",
        refute: "The metric is below its target.",
        advice: "Raise maxReplicas, make the pods larger, or find what drives the load.",
    }
    MetricsMissing Rollout Wiring {
        definition: "The autoscaler gets no metrics, so it does not scale.",
        signal: "ScalingActive is False: FailedGetResourceMetric or the like.",
        confirm: "The metrics API does not answer for the pods, or they lack requests.",
        refute: "The metrics are there.",
        advice: "Bring the metrics server or adapter up, and set the requests that the metric is relative to.",
    }
    ScaleTargetMissing Rollout Wiring {
        definition: "The autoscaler's target does not exist.",
        signal: "AbleToScale is False with FailedGetScale.",
        confirm: "No object has the name in scaleTargetRef.",
        refute: "It exists.",
        advice: "Correct scaleTargetRef or create the workload.",
    }
    JobDeadline Rollout Broad {
        definition: "A Job did not finish within its deadline.",
        signal: "Condition Failed with DeadlineExceeded, and no container failed by itself.",
        confirm: "The work needs longer than activeDeadlineSeconds, or hangs.",
        refute: "The work ended in time.",
        advice: "Raise activeDeadlineSeconds, or find out what it waits for.",
    }
    SidecarBlocksJob Rollout Specific {
        definition: "A Job never completes because a second container goes on after the work is done.",
        signal: "One container has ended with 0 while another ordinary container of the pod runs on.",
        confirm: "The Job completes once the other container ends.",
        refute: "The other container is part of the work.",
        advice: "Make it a native sidecar (an init container with restartPolicy Always), or end it with the work.",
    }
    CronSuspended Rollout Wiring {
        definition: "The CronJob or Job is suspended, so nothing runs.",
        signal: "spec.suspend is true.",
        confirm: "It runs once it is resumed.",
        refute: "It is meant to be off.",
        advice: "Set spec.suspend to false, and find out who suspended it.",
    }
    CronMissed Rollout Broad {
        definition: "The CronJob's schedule was missed.",
        signal: "TooManyMissedTimes, FailedNeedsStart, MissSchedule or an unparseable schedule.",
        confirm: "lastScheduleTime is older than the schedule allows.",
        refute: "The newest run came on time.",
        advice: "Set startingDeadlineSeconds, correct the schedule, and see what kept the controller from starting it.",
    }
}
