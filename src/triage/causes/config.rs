//! What a workload is told, and what it may do.

table! {
    ConfigMapMissing Configuration Specific {
        definition: "The workload refers to a ConfigMap that does not exist.",
        signal: "The kubelet reports: configmap not found.",
        confirm: "The ConfigMap does not exist in the pod's namespace.",
        refute: "The ConfigMap exists and the pod starts on the next try.",
        advice: "Create the ConfigMap or correct the reference in the workload.",
    }
    SecretMissing Configuration Specific {
        definition: "The workload refers to a Secret that does not exist.",
        signal: "The kubelet reports: secret not found.",
        confirm: "The Secret does not exist in the pod's namespace.",
        refute: "The Secret exists and the pod starts on the next try.",
        advice: "Create the Secret or correct the reference in the workload.",
    }
    ConfigKeyMissing Configuration Specific {
        definition: "The workload refers to a key that its ConfigMap or Secret does not hold.",
        signal: "The kubelet reports: couldn't find key, or references non-existent config key or secret key.",
        confirm: "The ConfigMap or Secret has no such key.",
        refute: "The key exists and the pod starts on the next try.",
        advice: "Add the key or correct the reference in the workload.",
    }
    ServiceAccountMissing Configuration Specific {
        definition: "Pods cannot be created because their ServiceAccount does not exist.",
        signal: "FailedCreate: error looking up service account.",
        confirm: "The ServiceAccount does not exist in the namespace.",
        refute: "Pods are created while it is missing.",
        advice: "Create the ServiceAccount or correct serviceAccountName in the workload.",
    }
    RunAsNonRootRefused Configuration Specific {
        definition: "The pod demands a non-root user but the image runs as root.",
        signal: "CreateContainerConfigError: container has runAsNonRoot and image will run as root, or has a non-numeric user.",
        confirm: "The image's USER is root or not numeric and runAsUser is not set.",
        refute: "The container starts with the same security context.",
        advice: "Set a numeric non-root runAsUser, or build the image with one.",
    }
    EnvMissing Configuration Specific {
        definition: "The process demands an environment variable that its container does not set.",
        signal: "The log names a variable as not set, missing or required, and the pod spec does not set it.",
        confirm: "The container starts once the variable is set.",
        refute: "The variable is set.",
        advice: "Set the variable in the workload or in the ConfigMap or Secret that it reads.",
    }
    InvalidValue Configuration Specific {
        definition: "A setting has a value that the process refuses.",
        signal: "The log refuses a value, or a setting by name, that stands in the container's environment, arguments or ConfigMap.",
        confirm: "The process starts with another value.",
        refute: "The value stands nowhere in the configuration.",
        advice: "Correct the value in the ConfigMap or in the workload.",
    }
    MalformedFile Configuration Specific {
        definition: "A configuration file cannot be parsed.",
        signal: "The log reports a syntax error of YAML, JSON, TOML, XML or of a server's own format.",
        confirm: "A parser refuses the mounted file as well.",
        refute: "The file parses.",
        advice: "Correct the file in its ConfigMap or Secret, and check it before the next release.",
    }
    FileMissing Configuration Specific {
        definition: "A file that the process needs at start is not there.",
        signal: "The log says that a file does not exist, other than the executable.",
        confirm: "No volume mounts the path and the image does not hold it.",
        refute: "The file is there.",
        advice: "Mount the file, or correct the path.",
    }
    CredentialsRejected Configuration Specific {
        definition: "Something that the workload depends on rejects its credentials.",
        signal: "The log says: password authentication failed, access denied for user, WRONGPASS, authentication failed or 401.",
        confirm: "The credentials in the Secret do not work by hand either.",
        refute: "They work by hand.",
        advice: "Bring the Secret and the account of the dependency in line, then restart the workload.",
    }
    DependencyHostWrong Configuration Specific {
        definition: "The workload is told a host name that does not exist in the cluster.",
        signal: "A name cannot be resolved and no Service has it.",
        confirm: "No Service of that name is in that namespace.",
        refute: "The Service exists, or DNS as a whole fails.",
        advice: "Correct the host name in the workload's configuration, or create the Service.",
    }
    DependencyPortWrong Configuration Specific {
        definition: "The workload connects to a port that the Service does not offer.",
        signal: "A connection to service:port fails, and the Service has no such port.",
        confirm: "The Service's ports do not contain it.",
        refute: "The Service offers the port.",
        advice: "Correct the port in the workload's configuration.",
    }
    ReadOnlyFilesystem Configuration Specific {
        definition: "The process writes where its file system is read-only.",
        signal: "The log says: read-only file system.",
        confirm: "readOnlyRootFilesystem is set, or the mount is read-only, and the path lies there.",
        refute: "The path is writable.",
        advice: "Mount an emptyDir or another writable volume at the path, or write elsewhere.",
    }
    ExternalUnreachable Configuration Broad {
        definition: "Something outside the cluster that the workload depends on does not answer.",
        signal: "The log fails to reach a host that is no Service of the cluster.",
        confirm: "The host does not answer from another pod either.",
        refute: "It answers from the same pod.",
        advice: "Check the host, the way out of the cluster, firewalls and proxies.",
    }
    RbacForbidden Rbac Specific {
        definition: "The workload's ServiceAccount may not do what the workload asks of the API server.",
        signal: "The log or an event says: is forbidden, User system:serviceaccount cannot.",
        confirm: "kubectl auth can-i answers no for the ServiceAccount.",
        refute: "It answers yes.",
        advice: "Add the verb and resource to a Role that is bound to the ServiceAccount.",
    }
    TokenMissing Rbac Specific {
        definition: "The workload has no valid ServiceAccount token for the API server.",
        signal: "The log misses the token file, or the API server answers Unauthorized.",
        confirm: "automountServiceAccountToken is false, or the token has expired.",
        refute: "The token is mounted and accepted.",
        advice: "Let the token be mounted, or project one.",
    }
}
