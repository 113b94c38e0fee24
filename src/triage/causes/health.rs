//! Health.

table! {
    Healthy Healthy Healthy {
        definition: "The target and everything around it work as specified.",
        signal: "Everything was looked at and no rule found a fault.",
        confirm: "The symptom does not come back.",
        refute: "The symptom is still seen by users.",
        advice: "Close the incident, or look at what lies outside the cluster.",
    }
}
