//! What extends the API server.

table! {
    ApiServiceUnavailable Api Wiring {
        definition: "An aggregated API is registered but its server does not answer, so its kinds cannot be used.",
        signal: "The APIService's condition Available is False, and something fails for want of it: an autoscaler, the deletion of a namespace.",
        confirm: "kubectl get apiservice shows it as not available; a request for one of its kinds is answered with 503.",
        refute: "The APIService is Available, or what fails does not use it.",
        advice: "Bring the server behind the APIService up again; where the add-on was removed, delete the APIService that it left behind.",
    }
}
