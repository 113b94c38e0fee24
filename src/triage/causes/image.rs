//! Images.

table! {
    ImageNotFound Image Specific {
        definition: "The image or its tag does not exist in the registry.",
        signal: "The pull fails with: not found, or manifest unknown.",
        confirm: "The registry has no such repository and tag.",
        refute: "The same reference can be pulled elsewhere.",
        advice: "Correct the image name or tag in the workload, or push the image.",
    }
    ImagePullUnauthorized Image Specific {
        definition: "The registry refuses the pull for want of valid credentials.",
        signal: "The pull fails with: unauthorized, 401, 403, access denied or authorization failed.",
        confirm: "imagePullSecrets are missing or hold credentials that the registry rejects.",
        refute: "The node pulls the same image with the same credentials.",
        advice: "Give the workload or its ServiceAccount an imagePullSecret with valid credentials; check the repository name.",
    }
    ImageInvalidReference Image Specific {
        definition: "The image reference cannot be parsed.",
        signal: "Waiting reason InvalidImageName.",
        confirm: "The reference has upper-case letters, blanks or an empty part.",
        refute: "The reference is well formed.",
        advice: "Correct the image reference in the workload.",
    }
    ImageRateLimited Image Specific {
        definition: "The registry limits the rate of pulls.",
        signal: "The pull fails with: toomanyrequests or 429.",
        confirm: "Pulls succeed again after the limit's window or with credentials.",
        refute: "The pull goes on failing after the window.",
        advice: "Pull with credentials, through a mirror or cache, or wait for the window to pass.",
    }
    ImageRegistryUnreachable Image Specific {
        definition: "The node cannot reach the registry or does not trust it.",
        signal: "The pull fails with a DNS, connection, timeout or certificate error.",
        confirm: "The registry's address does not resolve or answer from the node.",
        refute: "Other images of the same registry are pulled on the same node.",
        advice: "Check the registry's host name, DNS, egress rules, proxy and certificates.",
    }
    ImagePlatformMismatch Image Specific {
        definition: "The image has no build for the node's architecture.",
        signal: "No match for platform in manifest, or exec format error.",
        confirm: "The image's manifest lacks the node's architecture.",
        refute: "The image runs on another node of the same architecture.",
        advice: "Build the image for the node's architecture, or schedule it on nodes of the image's.",
    }
    ImageNeverPulled Image Specific {
        definition: "The pull policy forbids pulling and the node does not hold the image.",
        signal: "Waiting reason ErrImageNeverPull.",
        confirm: "imagePullPolicy is Never and the node does not have the image.",
        refute: "The image is present on the node.",
        advice: "Change imagePullPolicy, or load the image on the node.",
    }
    ImagePullFailed Image Broad {
        definition: "The image cannot be pulled, for a reason that is no longer on record.",
        signal: "Waiting reason ImagePullBackOff or ErrImagePull without detail.",
        confirm: "A new pull shows the registry's answer.",
        refute: "The pull succeeds on the next try.",
        advice: "Delete the pod and read the new pull error; check the image reference and credentials.",
    }
}
