//! The catalogue of root causes: one table, from which codes, documentation and model vocabulary all come.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How close to the origin a cause stands. Earlier explains later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// A part of the platform that takes workloads down with it.
    Infrastructure,
    /// A specific fault with a specific remedy.
    Specific,
    /// A real fault that may itself be the consequence of another one.
    Broad,
    /// Wiring around a workload: matters to callers, never makes the workload itself fail.
    Wiring,
    /// Names what is seen rather than why.
    Symptom,
    /// Nothing is wrong.
    Healthy,
}

/// One entry of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// The stable machine code.
    pub code: CauseCode,
    /// See [`Tier`].
    pub tier: Tier,
    /// What it means.
    pub definition: &'static str,
    /// The observation that decides.
    pub signal: &'static str,
    /// What would confirm it.
    pub confirm: &'static str,
    /// What would refute it.
    pub refute: &'static str,
    /// What to do.
    pub advice: &'static str,
}

macro_rules! causes {
    ($($name:ident $code:literal $tier:ident {
        definition: $definition:literal,
        signal: $signal:literal,
        confirm: $confirm:literal,
        refute: $refute:literal,
        advice: $advice:literal $(,)?
    })*) => {
        /// A root cause by its stable code, e.g. `container.oom_killed`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum CauseCode {
            $(#[doc = $definition] $name,)*
        }

        static CATALOGUE: &[Cause] = &[
            $(Cause {
                code: CauseCode::$name,
                tier: Tier::$tier,
                definition: $definition,
                signal: $signal,
                confirm: $confirm,
                refute: $refute,
                advice: $advice,
            },)*
        ];

        impl CauseCode {
            /// The code as it is written everywhere outside this program.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

causes! {
    NodeNotReady "node.not_ready" Infrastructure {
        definition: "A node's kubelet no longer reports Ready, so its pods are unreachable or cannot be started.",
        signal: "The node's Ready condition is False or Unknown.",
        confirm: "The node stays NotReady and the affected pods sit on it.",
        refute: "The node is Ready, or the failing pods run on other nodes.",
        advice: "Check the kubelet, container runtime and network of the node; drain or replace it if it does not return.",
    }
    OomKilled "container.oom_killed" Specific {
        definition: "A container used more memory than its limit and the kernel killed it.",
        signal: "A container's termination reason is OOMKilled.",
        confirm: "Memory usage climbs to the limit before each kill.",
        refute: "Usage stays well below the limit, or the kill came from a probe or an eviction.",
        advice: "Raise the memory limit to the real need, or fix the memory growth in the application.",
    }
    BadCommand "container.bad_command" Specific {
        definition: "The container's command or entrypoint cannot be executed.",
        signal: "Exit code 126 or 127, or the runtime reports that the executable is missing or not executable.",
        confirm: "The executable named in command, args or the image entrypoint does not exist in the image.",
        refute: "The same command starts in the same image.",
        advice: "Correct command/args in the workload, or use an image that holds the executable.",
    }
    ApplicationError "container.app_error" Broad {
        definition: "The application ends by itself with an error.",
        signal: "A non-zero exit code that neither the kernel, a probe nor the runtime explains, with an error in the log.",
        confirm: "The last error of the log comes back on each start.",
        refute: "The log ends without an error, or another fault explains the exit.",
        advice: "Fix what the log line names; roll back if it began with a new version.",
    }
    LivenessProbeFailing "probe.liveness_failing" Broad {
        definition: "The kubelet restarts a container because its liveness probe fails.",
        signal: "Killing event: the container failed its liveness probe and will be restarted.",
        confirm: "The probe fails against a running container just before each restart.",
        refute: "The container ends by itself before the probe fails.",
        advice: "Correct path, port, timeout or initial delay of the liveness probe, or fix what makes the endpoint fail.",
    }
    StartupProbeFailing "probe.startup_failing" Broad {
        definition: "The kubelet restarts a container because it does not pass its startup probe in time.",
        signal: "Killing event: the container failed its startup probe and will be restarted.",
        confirm: "The container needs longer than failureThreshold x periodSeconds, or the probe asks the wrong endpoint.",
        refute: "The container ends by itself before the probe gives up.",
        advice: "Raise failureThreshold or correct the probe; otherwise make the start faster.",
    }
    ReadinessProbeFailing "probe.readiness_failing" Broad {
        definition: "A running container fails its readiness probe, so its pod gets no traffic.",
        signal: "Unhealthy event of the readiness probe for a container that runs and is not ready.",
        confirm: "The probe's request fails from inside the pod as well.",
        refute: "The pod becomes ready without a change.",
        advice: "Correct path or port of the readiness probe, or fix what the endpoint reports.",
    }
    ConfigMapMissing "config.configmap_missing" Specific {
        definition: "The workload refers to a ConfigMap that does not exist.",
        signal: "The kubelet reports: configmap not found.",
        confirm: "The ConfigMap does not exist in the pod's namespace.",
        refute: "The ConfigMap exists and the pod starts on the next try.",
        advice: "Create the ConfigMap or correct the reference in the workload.",
    }
    SecretMissing "config.secret_missing" Specific {
        definition: "The workload refers to a Secret that does not exist.",
        signal: "The kubelet reports: secret not found.",
        confirm: "The Secret does not exist in the pod's namespace.",
        refute: "The Secret exists and the pod starts on the next try.",
        advice: "Create the Secret or correct the reference in the workload.",
    }
    ConfigKeyMissing "config.key_missing" Specific {
        definition: "The workload refers to a key that its ConfigMap or Secret does not hold.",
        signal: "The kubelet reports: couldn't find key, or references non-existent config key or secret key.",
        confirm: "The ConfigMap or Secret has no such key.",
        refute: "The key exists and the pod starts on the next try.",
        advice: "Add the key or correct the reference in the workload.",
    }
    ServiceAccountMissing "config.service_account_missing" Specific {
        definition: "Pods cannot be created because their ServiceAccount does not exist.",
        signal: "FailedCreate: error looking up service account.",
        confirm: "The ServiceAccount does not exist in the namespace.",
        refute: "Pods are created while it is missing.",
        advice: "Create the ServiceAccount or correct serviceAccountName in the workload.",
    }
    RunAsNonRootRefused "config.run_as_non_root_refused" Specific {
        definition: "The pod demands a non-root user but the image runs as root.",
        signal: "CreateContainerConfigError: container has runAsNonRoot and image will run as root, or has a non-numeric user.",
        confirm: "The image's USER is root or not numeric and runAsUser is not set.",
        refute: "The container starts with the same security context.",
        advice: "Set a numeric non-root runAsUser, or build the image with one.",
    }
    ImageNotFound "image.not_found" Specific {
        definition: "The image or its tag does not exist in the registry.",
        signal: "The pull fails with: not found, or manifest unknown.",
        confirm: "The registry has no such repository and tag.",
        refute: "The same reference can be pulled elsewhere.",
        advice: "Correct the image name or tag in the workload, or push the image.",
    }
    ImagePullUnauthorized "image.pull_unauthorized" Specific {
        definition: "The registry refuses the pull for want of valid credentials.",
        signal: "The pull fails with: unauthorized, 401, 403, access denied or authorization failed.",
        confirm: "imagePullSecrets are missing or hold credentials that the registry rejects.",
        refute: "The node pulls the same image with the same credentials.",
        advice: "Give the workload or its ServiceAccount an imagePullSecret with valid credentials; check the repository name.",
    }
    ImageInvalidReference "image.invalid_reference" Specific {
        definition: "The image reference cannot be parsed.",
        signal: "Waiting reason InvalidImageName.",
        confirm: "The reference has upper-case letters, blanks or an empty part.",
        refute: "The reference is well formed.",
        advice: "Correct the image reference in the workload.",
    }
    ImageRateLimited "image.rate_limited" Specific {
        definition: "The registry limits the rate of pulls.",
        signal: "The pull fails with: toomanyrequests or 429.",
        confirm: "Pulls succeed again after the limit's window or with credentials.",
        refute: "The pull goes on failing after the window.",
        advice: "Pull with credentials, through a mirror or cache, or wait for the window to pass.",
    }
    ImageRegistryUnreachable "image.registry_unreachable" Specific {
        definition: "The node cannot reach the registry or does not trust it.",
        signal: "The pull fails with a DNS, connection, timeout or certificate error.",
        confirm: "The registry's address does not resolve or answer from the node.",
        refute: "Other images of the same registry are pulled on the same node.",
        advice: "Check the registry's host name, DNS, egress rules, proxy and certificates.",
    }
    ImagePlatformMismatch "image.platform_mismatch" Specific {
        definition: "The image has no build for the node's architecture.",
        signal: "No match for platform in manifest, or exec format error.",
        confirm: "The image's manifest lacks the node's architecture.",
        refute: "The image runs on another node of the same architecture.",
        advice: "Build the image for the node's architecture, or schedule it on nodes of the image's.",
    }
    ImageNeverPulled "image.never_pulled" Specific {
        definition: "The pull policy forbids pulling and the node does not hold the image.",
        signal: "Waiting reason ErrImageNeverPull.",
        confirm: "imagePullPolicy is Never and the node does not have the image.",
        refute: "The image is present on the node.",
        advice: "Change imagePullPolicy, or load the image on the node.",
    }
    ImagePullFailed "image.pull_failed" Broad {
        definition: "The image cannot be pulled, for a reason that is no longer on record.",
        signal: "Waiting reason ImagePullBackOff or ErrImagePull without detail.",
        confirm: "A new pull shows the registry's answer.",
        refute: "The pull succeeds on the next try.",
        advice: "Delete the pod and read the new pull error; check the image reference and credentials.",
    }
    InsufficientCpu "scheduling.insufficient_cpu" Specific {
        definition: "No eligible node has as much unreserved CPU as the pod requests.",
        signal: "FailedScheduling: Insufficient cpu on the nodes that pass every other filter.",
        confirm: "The request exceeds what is allocatable or free on each eligible node.",
        refute: "A node that passes the other filters has enough free CPU.",
        advice: "Lower the CPU request to the real need, or add capacity.",
    }
    InsufficientMemory "scheduling.insufficient_memory" Specific {
        definition: "No eligible node has as much unreserved memory as the pod requests.",
        signal: "FailedScheduling: Insufficient memory on the nodes that pass every other filter.",
        confirm: "The request exceeds what is allocatable or free on each eligible node.",
        refute: "A node that passes the other filters has enough free memory.",
        advice: "Lower the memory request to the real need, or add capacity.",
    }
    InsufficientResource "scheduling.insufficient_resource" Specific {
        definition: "No eligible node has enough of another resource: GPUs, ephemeral storage, pod slots or host ports.",
        signal: "FailedScheduling: Insufficient of that resource, Too many pods, or no free ports.",
        confirm: "No eligible node offers the resource in that amount.",
        refute: "A node that passes the other filters has enough of it.",
        advice: "Lower the request, free the resource, or add nodes that offer it.",
    }
    NodeSelectorMismatch "scheduling.node_selector" Specific {
        definition: "No node carries the labels that the pod's nodeSelector demands.",
        signal: "FailedScheduling: didn't match Pod's node affinity/selector; no node has the labels.",
        confirm: "No node matches the nodeSelector.",
        refute: "A node matches it.",
        advice: "Correct the nodeSelector in the workload, or label a node.",
    }
    AffinityUnsatisfied "scheduling.affinity" Specific {
        definition: "The pod's required node affinity, pod affinity, anti-affinity or spread constraints leave no node.",
        signal: "FailedScheduling: didn't match node affinity, pod affinity, anti-affinity or topology spread constraints.",
        confirm: "Each eligible node violates a required rule.",
        refute: "An eligible node satisfies them all.",
        advice: "Relax the rule to preferred, correct its labels or lower the replicas; or add or label nodes.",
    }
    UntoleratedTaint "scheduling.taint" Specific {
        definition: "Every otherwise fitting node has a taint that the pod does not tolerate.",
        signal: "FailedScheduling: untolerated taint on the nodes that pass every other filter.",
        confirm: "The pod has no toleration for the taint.",
        refute: "A fitting node has no such taint.",
        advice: "Add the toleration to the workload if it belongs there, or remove the taint.",
    }
    NodeCordoned "scheduling.node_cordoned" Specific {
        definition: "The nodes that would fit are cordoned.",
        signal: "FailedScheduling: node(s) were unschedulable; a fitting node has spec.unschedulable.",
        confirm: "The pod is placed once the node is uncordoned.",
        refute: "Another filter would still reject the cordoned node.",
        advice: "Uncordon the node once its maintenance is over, or add capacity.",
    }
    StorageClassMissing "storage.storage_class_missing" Specific {
        definition: "The claim names a StorageClass that does not exist.",
        signal: "The claim is Pending and no StorageClass has the name.",
        confirm: "No StorageClass has the name.",
        refute: "The StorageClass exists.",
        advice: "Create the StorageClass, or recreate the claim with one that exists.",
    }
    NoMatchingVolume "storage.no_volume" Specific {
        definition: "No PersistentVolume fits the claim and nothing provisions one.",
        signal: "The claim is Pending: no persistent volumes available, the requested volume does not fit, or no provisioner answers.",
        confirm: "No Available volume matches class, size, access modes and selector.",
        refute: "A matching volume is Available, or a provisioner is at work.",
        advice: "Provide a matching PersistentVolume, or name a StorageClass that provisions.",
    }
    ProvisioningFailed "storage.provisioning_failed" Specific {
        definition: "The provisioner cannot create the claim's volume.",
        signal: "ProvisioningFailed event of the claim with the provisioner's error.",
        confirm: "The provisioner's log shows the same error.",
        refute: "The volume is created on a later try.",
        advice: "Fix what the provisioner reports, or make sure that the provisioner runs.",
    }
    ClaimMissing "storage.claim_missing" Specific {
        definition: "The pod refers to a PersistentVolumeClaim that does not exist.",
        signal: "FailedScheduling: persistentvolumeclaim not found.",
        confirm: "The claim does not exist in the namespace.",
        refute: "The claim exists.",
        advice: "Create the claim or correct claimName in the workload.",
    }
    VolumeNodeConflict "storage.volume_node_conflict" Specific {
        definition: "The pod's volume can be used only on nodes where the pod cannot run.",
        signal: "FailedScheduling: volume node affinity conflict.",
        confirm: "The volume's node affinity names a zone or node without a fitting node.",
        refute: "A fitting node lies within the volume's topology.",
        advice: "Bring back a node in the volume's zone, or move the data to a volume in reach.",
    }
    QuotaExceeded "admission.quota_exceeded" Specific {
        definition: "Pods cannot be created because a ResourceQuota is used up.",
        signal: "FailedCreate: exceeded quota.",
        confirm: "used plus requested exceeds hard in the quota's status.",
        refute: "The quota has room for the request.",
        advice: "Raise the quota, free what the namespace does not need, or lower the requests.",
    }
    QuotaResourcesUnspecified "admission.resources_unspecified" Specific {
        definition: "A ResourceQuota demands requests or limits that the pods do not state.",
        signal: "FailedCreate: failed quota, must specify.",
        confirm: "A container lacks the request or limit that the quota counts.",
        refute: "Every container states them.",
        advice: "State the missing requests and limits in the workload, or give the namespace a LimitRange with defaults.",
    }
    LimitRangeViolated "admission.limit_range_violated" Specific {
        definition: "Pods cannot be created because their resources violate a LimitRange.",
        signal: "FailedCreate: maximum or minimum usage per container or pod.",
        confirm: "The container's resources lie outside the LimitRange.",
        refute: "They lie within it.",
        advice: "Bring the workload's resources into the range, or change the LimitRange.",
    }
    AdmissionDenied "admission.denied" Specific {
        definition: "Admission control refuses the workload's pods.",
        signal: "FailedCreate: violates PodSecurity, or an admission webhook denied the request.",
        confirm: "Creating the same pod by hand is refused with the same message.",
        refute: "The pod is admitted.",
        advice: "Change the pod template so that it satisfies the policy, or have the policy changed.",
    }
    AdmissionWebhookUnavailable "admission.webhook_unavailable" Infrastructure {
        definition: "An admission webhook does not answer, so objects cannot be created.",
        signal: "FailedCreate: failed calling webhook.",
        confirm: "The webhook's service has no ready endpoint or does not answer.",
        refute: "The webhook answers.",
        advice: "Bring the webhook's backend up again, or relax its failurePolicy meanwhile.",
    }
    ServiceSelectorMismatch "service.selector_mismatch" Wiring {
        definition: "A Service's selector matches no pod, so it has no endpoints.",
        signal: "No pod and no workload template in the namespace carries the selector's labels.",
        confirm: "The Service has no endpoints while the intended pods run.",
        refute: "Pods with the labels exist.",
        advice: "Make the Service's selector equal to the labels of the intended pods.",
    }
    ServiceTargetPortMismatch "service.target_port_mismatch" Wiring {
        definition: "A Service forwards to a port that none of its pods serves.",
        signal: "targetPort equals no container port, by name or by number, of the selected pods.",
        confirm: "A connection to the targetPort of a ready pod is refused.",
        refute: "The container listens on the port without declaring it.",
        advice: "Set targetPort to the port that the container listens on.",
    }
    ScaledToZero "workload.scaled_to_zero" Wiring {
        definition: "The workload is scaled to no replicas, so nothing serves.",
        signal: "spec.replicas is 0.",
        confirm: "Scaling up brings the pods back.",
        refute: "The workload is meant to be off.",
        advice: "Scale the workload up, and find out who or what scaled it down.",
    }
    RolloutStuck "rollout.stuck" Symptom {
        definition: "A rollout does not go on: its deadline has passed, or it is paused or held back.",
        signal: "Progressing is False with ProgressDeadlineExceeded, or the workload is paused, partitioned or updates on deletion only.",
        confirm: "The new ReplicaSet's pods do not become available.",
        refute: "The rollout completes.",
        advice: "Resume it or lift the partition if it is held back; else find out why the new pods do not become available, or roll back.",
    }
    JobFailed "job.failed" Symptom {
        definition: "A Job gave up.",
        signal: "Condition Failed is True.",
        confirm: "The Job's pods ended with errors.",
        refute: "The Job completed.",
        advice: "Fix what the pods' logs name and run the Job again.",
    }
    Healthy "healthy" Healthy {
        definition: "The target and everything around it work as specified.",
        signal: "Everything was looked at and no rule found a fault.",
        confirm: "The symptom does not come back.",
        refute: "The symptom is still seen by users.",
        advice: "Close the incident, or look at what lies outside the cluster.",
    }
}

/// Every known cause.
pub fn catalogue() -> &'static [Cause] {
    CATALOGUE
}

/// Finds a cause by its code; letter case and surrounding blanks do not matter.
pub fn parse(code: &str) -> Option<CauseCode> {
    let code = code.trim();
    CATALOGUE.iter().map(|cause| cause.code).find(|known| known.as_str().eq_ignore_ascii_case(code))
}

impl CauseCode {
    /// The catalogue's entry.
    pub fn cause(self) -> &'static Cause {
        // The table is generated in the order of the enum.
        &CATALOGUE[self as usize]
    }
}

impl fmt::Display for CauseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for CauseCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for CauseCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        parse(&code)
            .ok_or_else(|| serde::de::Error::custom(format!("no cause has the code {code:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_is_unique_and_finds_itself() {
        let codes: BTreeSet<_> = catalogue().iter().map(|cause| cause.code.as_str()).collect();
        assert_eq!(codes.len(), catalogue().len());
        for cause in catalogue() {
            assert_eq!(parse(cause.code.as_str()), Some(cause.code));
            assert_eq!(cause.code.cause(), cause);
        }
        assert_eq!(parse(" Container.OOM_Killed "), Some(CauseCode::OomKilled));
        assert_eq!(parse("container.oom"), None);
    }

    #[test]
    fn a_code_is_a_plain_string_on_the_wire() {
        let text = serde_json::to_string(&CauseCode::OomKilled).unwrap();
        assert_eq!(text, "\"container.oom_killed\"");
        assert_eq!(serde_json::from_str::<CauseCode>(&text).unwrap(), CauseCode::OomKilled);
        assert!(serde_json::from_str::<CauseCode>("\"nonsense\"").is_err());
    }
}
