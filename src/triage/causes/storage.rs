//! Claims, volumes and disks.

table! {
    StorageClassMissing Storage Specific {
        definition: "The claim names a StorageClass that does not exist.",
        signal: "The claim is Pending and no StorageClass has the name.",
        confirm: "No StorageClass has the name.",
        refute: "The StorageClass exists.",
        advice: "Create the StorageClass, or recreate the claim with one that exists.",
    }
    NoMatchingVolume Storage Specific {
        definition: "No PersistentVolume fits the claim and nothing provisions one.",
        signal: "The claim is Pending: no persistent volumes available, the requested volume does not fit, or no provisioner answers.",
        confirm: "No Available volume matches class, size, access modes and selector.",
        refute: "A matching volume is Available, or a provisioner is at work.",
        advice: "Provide a matching PersistentVolume, or name a StorageClass that provisions.",
    }
    ProvisioningFailed Storage Specific {
        definition: "The provisioner cannot create the claim's volume.",
        signal: "ProvisioningFailed event of the claim with the provisioner's error.",
        confirm: "The provisioner's log shows the same error.",
        refute: "The volume is created on a later try.",
        advice: "Fix what the provisioner reports, or make sure that the provisioner runs.",
    }
    ClaimMissing Storage Specific {
        definition: "The pod refers to a PersistentVolumeClaim that does not exist.",
        signal: "FailedScheduling: persistentvolumeclaim not found.",
        confirm: "The claim does not exist in the namespace.",
        refute: "The claim exists.",
        advice: "Create the claim or correct claimName in the workload.",
    }
    VolumeNodeConflict Storage Specific {
        definition: "The pod's volume can be used only on nodes where the pod cannot run.",
        signal: "FailedScheduling: volume node affinity conflict.",
        confirm: "The volume's node affinity names a zone or node without a fitting node.",
        refute: "A fitting node lies within the volume's topology.",
        advice: "Bring back a node in the volume's zone, or move the data to a volume in reach.",
    }
    AccessModeMismatch Storage Specific {
        definition: "The claim asks for an access mode that its volumes or its provisioner do not offer.",
        signal: "Free volumes of class and size lack the mode, or the provisioner refuses it.",
        confirm: "The claim binds with another access mode.",
        refute: "A free volume has the mode.",
        advice: "Ask for an access mode that the storage offers, or use storage that offers it.",
    }
    MultiAttach Storage Specific {
        definition: "The volume is still attached to another node.",
        signal: "FailedAttachVolume: Multi-Attach error.",
        confirm: "A VolumeAttachment or pod on the other node holds it.",
        refute: "Nothing else uses the volume.",
        advice: "Let the other pod go first (Recreate strategy), or detach the volume from the lost node.",
    }
    AttachFailed Storage Specific {
        definition: "The volume cannot be attached to the pod's node.",
        signal: "FailedAttachVolume other than multi-attach.",
        confirm: "The storage driver's log shows the same error.",
        refute: "The volume is attached on a later try.",
        advice: "Fix what the storage driver reports; check that its node plugin runs.",
    }
    MountFailed Storage Specific {
        definition: "The volume cannot be mounted on the pod's node.",
        signal: "FailedMount for another reason than a missing ConfigMap, Secret or key.",
        confirm: "Mounting by hand on the node fails alike.",
        refute: "The volume is mounted on a later try.",
        advice: "Fix what the message names: server, export, file system or driver.",
    }
    DiskFull Storage Specific {
        definition: "The file system that the process writes to is full.",
        signal: "The log says: no space left on device, or disk quota exceeded.",
        confirm: "df in the container shows the volume at 100 %.",
        refute: "There is space left.",
        advice: "Enlarge the volume or clean it up.",
    }
    StoragePermission Storage Specific {
        definition: "The process may not write or read a file of its volume.",
        signal: "The log says: permission denied, on a path.",
        confirm: "The files belong to another user than the container's.",
        refute: "The user of the container owns the path.",
        advice: "Set fsGroup or runAsUser to the owner of the files, or correct their mode.",
    }
    EphemeralLimit Storage Specific {
        definition: "The pod was evicted for writing more to its local disk than its limit allows.",
        signal: "Evicted: ephemeral storage or emptyDir usage exceeds the limit.",
        confirm: "Usage grows to the limit before each eviction.",
        refute: "The node as a whole was short of disk.",
        advice: "Raise the limit, or write less to the container's file system: rotate logs, use a volume.",
    }
    VolumeLost Storage Specific {
        definition: "The volume that the claim was bound to is gone.",
        signal: "The claim's phase is Lost.",
        confirm: "No PersistentVolume of the name exists.",
        refute: "The volume exists.",
        advice: "Restore the volume, or recreate the claim and restore the data.",
    }
}
