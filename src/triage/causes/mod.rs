//! The catalogue of root causes: one table, from which codes, documentation and model vocabulary all come. Each file
//! holds the part of a few families.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! table {
    ($($name:ident $family:ident $tier:ident {
        definition: $definition:literal,
        signal: $signal:literal,
        confirm: $confirm:literal,
        refute: $refute:literal,
        advice: $advice:literal $(,)?
    })*) => {
        pub(super) const TABLE: &[super::Cause] = &[
            $(super::Cause {
                code: super::CauseCode::$name,
                family: super::Family::$family,
                tier: super::Tier::$tier,
                definition: $definition,
                signal: $signal,
                confirm: $confirm,
                refute: $refute,
                advice: $advice,
            },)*
        ];
    };
}

mod admission;
mod api;
mod config;
mod container;
mod gitops;
mod health;
mod image;
mod network;
mod node;
mod probe;
mod rollout;
mod scheduling;
mod storage;

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
    /// See [`Family`].
    pub family: Family,
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

/// What part of a cluster a cause belongs to, for documentation and figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Nodes and what they run on.
    Node,
    /// Containers that end badly or do not start.
    Container,
    /// Memory.
    Memory,
    /// Probes.
    Probe,
    /// Configuration and dependencies.
    Configuration,
    /// Rights of the workload.
    Rbac,
    /// Images.
    Image,
    /// Placement.
    Scheduling,
    /// Claims, volumes and disks.
    Storage,
    /// Refusals of the API server.
    Admission,
    /// What extends the API server.
    Api,
    /// Services, names, policies, routes and certificates.
    Network,
    /// Rollouts, scaling and Jobs.
    Rollout,
    /// Delivery from Git.
    Gitops,
    /// Nothing is wrong.
    Healthy,
}

impl Family {
    /// The name as documentation and figures write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Container => "container",
            Self::Memory => "memory",
            Self::Probe => "probe",
            Self::Configuration => "configuration",
            Self::Rbac => "rbac",
            Self::Image => "image",
            Self::Scheduling => "scheduling",
            Self::Storage => "storage",
            Self::Admission => "admission",
            Self::Api => "api",
            Self::Network => "network",
            Self::Rollout => "rollout",
            Self::Gitops => "gitops",
            Self::Healthy => "healthy",
        }
    }
}

macro_rules! codes {
    ($($name:ident $code:literal)*) => {
        /// A root cause by its stable code, e.g. `container.oom_killed`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum CauseCode {
            $(#[doc = concat!("`", $code, "`")] $name,)*
        }

        impl CauseCode {
            /// How many causes there are.
            const COUNT: usize = [$($code),*].len();

            /// The code as it is written everywhere outside this program.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

codes! {
    NodeNotReady "node.not_ready"
    MemoryPressure "node.memory_pressure"
    DiskPressure "node.disk_pressure"
    PidPressure "node.pid_pressure"
    RuntimeDown "node.runtime_down"
    NetworkUnavailable "node.network_unavailable"
    ClockSkew "node.clock_skew"
    VersionSkew "node.version_skew"
    OomKilled "container.oom_killed"
    BadCommand "container.bad_command"
    ApplicationError "container.app_error"
    PortInUse "container.port_in_use"
    Segfault "container.segfault"
    KilledBySignal "container.killed_by_signal"
    ChildOomKilled "container.child_oom_killed"
    HeapExhausted "container.heap_exhausted"
    HeapAboveLimit "container.heap_above_limit"
    ExitsCleanly "container.exits_cleanly"
    InitStuck "container.init_stuck"
    MissingLibrary "container.missing_library"
    SandboxFailed "container.sandbox_failed"
    LivenessProbeFailing "probe.liveness_failing"
    StartupProbeFailing "probe.startup_failing"
    ReadinessProbeFailing "probe.readiness_failing"
    ProbeWrongScheme "probe.wrong_scheme"
    ProbeBadCommand "probe.bad_command"
    ProbeWrongPort "probe.wrong_port"
    ProbeWrongPath "probe.wrong_path"
    ProbeTiming "probe.timing"
    ConfigMapMissing "config.configmap_missing"
    SecretMissing "config.secret_missing"
    ConfigKeyMissing "config.key_missing"
    ServiceAccountMissing "config.service_account_missing"
    RunAsNonRootRefused "config.run_as_non_root_refused"
    EnvMissing "config.env_missing"
    InvalidValue "config.invalid_value"
    MalformedFile "config.malformed_file"
    FileMissing "config.file_missing"
    CredentialsRejected "config.credentials_rejected"
    DependencyHostWrong "config.dependency_host_wrong"
    DependencyPortWrong "config.dependency_port_wrong"
    ReadOnlyFilesystem "config.read_only_filesystem"
    ExternalUnreachable "dependency.external_unreachable"
    RbacForbidden "rbac.forbidden"
    TokenMissing "rbac.token_missing"
    ImageNotFound "image.not_found"
    ImagePullUnauthorized "image.pull_unauthorized"
    ImageInvalidReference "image.invalid_reference"
    ImageRateLimited "image.rate_limited"
    ImageRegistryUnreachable "image.registry_unreachable"
    ImagePlatformMismatch "image.platform_mismatch"
    ImageNeverPulled "image.never_pulled"
    ImagePullFailed "image.pull_failed"
    InsufficientCpu "scheduling.insufficient_cpu"
    InsufficientMemory "scheduling.insufficient_memory"
    InsufficientResource "scheduling.insufficient_resource"
    NodeSelectorMismatch "scheduling.node_selector"
    AffinityUnsatisfied "scheduling.affinity"
    AntiAffinity "scheduling.anti_affinity"
    UntoleratedTaint "scheduling.taint"
    NodeCordoned "scheduling.node_cordoned"
    TopologySpread "scheduling.topology_spread"
    HostPortTaken "scheduling.host_port"
    SchedulingGated "scheduling.gated"
    Preempted "scheduling.preempted"
    NoNodes "scheduling.no_nodes"
    SchedulerMissing "scheduling.scheduler_missing"
    StorageClassMissing "storage.storage_class_missing"
    NoMatchingVolume "storage.no_volume"
    ProvisioningFailed "storage.provisioning_failed"
    ClaimMissing "storage.claim_missing"
    VolumeNodeConflict "storage.volume_node_conflict"
    AccessModeMismatch "storage.access_mode"
    MultiAttach "storage.multi_attach"
    AttachFailed "storage.attach_failed"
    MountFailed "storage.mount_failed"
    DiskFull "storage.disk_full"
    StoragePermission "storage.permission_denied"
    EphemeralLimit "storage.ephemeral_limit_exceeded"
    VolumeLost "storage.volume_lost"
    QuotaExceeded "admission.quota_exceeded"
    QuotaResourcesUnspecified "admission.resources_unspecified"
    LimitRangeViolated "admission.limit_range_violated"
    AdmissionDenied "admission.denied"
    AdmissionWebhookUnavailable "admission.webhook_unavailable"
    PodSecurity "admission.pod_security"
    PriorityClassMissing "admission.priority_class_missing"
    RuntimeClassMissing "admission.runtime_class_missing"
    NamespaceTerminating "admission.namespace_terminating"
    NamespaceMissing "admission.namespace_missing"
    ApiServiceUnavailable "apiservice.unavailable"
    ServiceSelectorMismatch "service.selector_mismatch"
    ServiceSelectorTooBroad "service.selector_too_broad"
    ServiceTargetPortMismatch "service.target_port_mismatch"
    ServiceProtocolMismatch "service.protocol_mismatch"
    NodePortConflict "service.node_port_conflict"
    HeadlessMissing "service.headless_missing"
    LoadBalancerFailed "service.load_balancer_failed"
    NoReadyEndpoints "service.no_ready_endpoints"
    PolicyIngressDenied "network.policy_ingress_denied"
    PolicyEgressDenied "network.policy_egress_denied"
    DnsDown "network.dns_down"
    DnsPolicyWrong "network.dns_policy"
    IpExhausted "network.ip_exhausted"
    IngressBackendMissing "network.ingress_backend_missing"
    IngressClassMissing "network.ingress_class_missing"
    TlsSecretMissing "network.tls_secret_missing"
    CertificateExpired "network.certificate_expired"
    CertificateUntrusted "network.certificate_untrusted"
    CertificateNotIssued "network.certificate_not_issued"
    LinkDegraded "network.link_degraded"
    ScaledToZero "workload.scaled_to_zero"
    RolloutStuck "rollout.stuck"
    RolloutPaused "rollout.paused"
    BadRevision "rollout.bad_revision"
    SelectorOverlap "rollout.selector_overlap"
    JobFailed "job.failed"
    PdbDeadlock "rollout.pdb_deadlock"
    OrdinalBlocked "rollout.ordinal_blocked"
    AtMaximum "autoscaling.at_maximum"
    MetricsMissing "autoscaling.metrics_missing"
    ScaleTargetMissing "autoscaling.target_missing"
    JobDeadline "job.deadline_exceeded"
    SidecarBlocksJob "job.sidecar_blocks"
    CronSuspended "cronjob.suspended"
    CronMissed "cronjob.missed"
    SyncFailed "gitops.sync_failed"
    Drift "gitops.drift"
    Healthy "healthy"
}

const TABLES: [&[Cause]; 13] = [
    node::TABLE,
    container::TABLE,
    probe::TABLE,
    config::TABLE,
    image::TABLE,
    scheduling::TABLE,
    storage::TABLE,
    admission::TABLE,
    api::TABLE,
    network::TABLE,
    rollout::TABLE,
    gitops::TABLE,
    health::TABLE,
];

static CATALOGUE: [Cause; CauseCode::COUNT] = joined();

/// Joins the tables. That each cause has one entry, at the place of its code, is checked when this is compiled.
const fn joined() -> [Cause; CauseCode::COUNT] {
    let mut all = [TABLES[0][0]; CauseCode::COUNT];
    let (mut table, mut at) = (0, 0);
    while table < TABLES.len() {
        let mut row = 0;
        while row < TABLES[table].len() {
            let cause = TABLES[table][row];
            assert!(cause.code as usize == at, "the tables and the codes differ in order");
            all[at] = cause;
            row += 1;
            at += 1;
        }
        table += 1;
    }
    assert!(at == CauseCode::COUNT, "a code has no entry in the tables");
    all
}

/// Every known cause.
pub fn catalogue() -> &'static [Cause] {
    &CATALOGUE
}

/// Finds a cause by its code; letter case and surrounding blanks do not matter.
pub fn parse(code: &str) -> Option<CauseCode> {
    let code = code.trim();
    CATALOGUE.iter().map(|cause| cause.code).find(|known| known.as_str().eq_ignore_ascii_case(code))
}

impl CauseCode {
    /// The catalogue's entry.
    pub fn cause(self) -> &'static Cause {
        // The tables are in the order of the enum.
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
