//! Delivery from Git by Argo CD or Flux.

table! {
    SyncFailed Gitops Specific {
        definition: "The GitOps controller cannot fetch, build or apply what Git holds, so the cluster stays as it was.",
        signal: "An Argo CD Application with a failed operation or an error condition; a Flux source, Kustomization or HelmRelease that is not Ready.",
        confirm: "The message of the operation or condition names what is refused or cannot be fetched.",
        refute: "The next sync succeeds.",
        advice: "Fix what the message names in Git, or the credentials of the source; then sync again.",
    }
    Drift Gitops Broad {
        definition: "An object that Git describes was changed by hand, and the GitOps controller does not put it back.",
        signal: "OutOfSync without a failed sync, and a manual change of the object that is newer than the last sync.",
        confirm: "The difference goes away with a sync.",
        refute: "The difference is in Git: nobody has synced it yet.",
        advice: "Bring the change into Git or sync it away, and turn self-heal on if nobody should edit by hand.",
    }
}
