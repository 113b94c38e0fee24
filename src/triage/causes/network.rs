//! Services, names, policies, routes and certificates.

table! {
    ServiceSelectorMismatch Network Wiring {
        definition: "A Service's selector matches no pod, so it has no endpoints.",
        signal: "No pod and no workload template in the namespace carries the selector's labels.",
        confirm: "The Service has no endpoints while the intended pods run.",
        refute: "Pods with the labels exist.",
        advice: "Make the Service's selector equal to the labels of the intended pods.",
    }
    ServiceSelectorTooBroad Network Wiring {
        definition: "A Service's selector also matches pods of another workload, so part of the traffic goes to the wrong one.",
        signal: "The selected pods belong to two or more workloads, and those of one do not serve the Service's targetPort.",
        confirm: "Calls fail in proportion to the share of the wrong pods.",
        refute: "Both workloads are meant to serve, as in a canary or blue-green release.",
        advice: "Add the label that tells the workloads apart to the Service's selector.",
    }
    ServiceTargetPortMismatch Network Wiring {
        definition: "A Service forwards to a port that none of its pods serves.",
        signal: "targetPort equals no container port, by name or by number, of the selected pods.",
        confirm: "A connection to the targetPort of a ready pod is refused.",
        refute: "The container listens on the port without declaring it.",
        advice: "Set targetPort to the port that the container listens on.",
    }
    ServiceProtocolMismatch Network Wiring {
        definition: "A Service forwards the right port with the wrong protocol.",
        signal: "The pods declare the port with another protocol than the Service.",
        confirm: "A connection with the Service's protocol is refused.",
        refute: "The container serves both protocols.",
        advice: "Set the protocol of the Service's port to that of the container.",
    }
    NodePortConflict Network Wiring {
        definition: "Two Services claim the same node port or address.",
        signal: "Two Services have one nodePort and protocol, or the event PortAlreadyAllocated.",
        confirm: "Traffic of one reaches the other.",
        refute: "The ports differ.",
        advice: "Give one of the Services another nodePort.",
    }
    HeadlessMissing Network Broad {
        definition: "The StatefulSet's governing Service is missing, so its members have no names.",
        signal: "spec.serviceName names a Service that does not exist, and members are not ready.",
        confirm: "The members' host names do not resolve.",
        refute: "The Service exists and is headless.",
        advice: "Create the headless Service that spec.serviceName names.",
    }
    LoadBalancerFailed Network Wiring {
        definition: "The cloud does not give the Service its load balancer.",
        signal: "SyncLoadBalancerFailed or no address for a Service of type LoadBalancer.",
        confirm: "The cloud controller's log shows the same error.",
        refute: "The Service has an address.",
        advice: "Fix what the cloud controller reports: quota, subnet, annotations, permissions.",
    }
    NoReadyEndpoints Network Symptom {
        definition: "A Service has no ready endpoint.",
        signal: "Pods are selected and none of them is ready; or it selects none and has no ready endpoint of its own.",
        confirm: "Callers get connection refused or 503.",
        refute: "A selected pod is ready.",
        advice: "Find out why the pods behind it are not ready.",
    }
    PolicyIngressDenied Network Specific {
        definition: "A NetworkPolicy of the callee does not admit the caller.",
        signal: "The caller times out, and no ingress rule that applies to the callee admits its pod, namespace and port.",
        confirm: "The connection works once the policy admits the caller.",
        refute: "A rule admits it.",
        advice: "Add the caller to the policy's ingress rules.",
    }
    PolicyEgressDenied Network Specific {
        definition: "A NetworkPolicy of the caller does not let its traffic out.",
        signal: "The caller times out, and no egress rule that applies to it permits the destination, or DNS.",
        confirm: "The connection works once the policy permits it.",
        refute: "A rule permits it.",
        advice: "Add the destination, and port 53 to DNS, to the policy's egress rules.",
    }
    DnsDown Network Infrastructure {
        definition: "The cluster's DNS does not answer.",
        signal: "Lookups fail, and no pod of the cluster DNS is ready.",
        confirm: "Every lookup in the cluster fails.",
        refute: "The DNS pods are ready.",
        advice: "Bring the DNS pods in kube-system up again.",
    }
    DnsPolicyWrong Network Specific {
        definition: "The pod does not ask the cluster's DNS.",
        signal: "A cluster name does not resolve, and dnsPolicy is Default, or None without the cluster's DNS.",
        confirm: "The name resolves in another pod.",
        refute: "The pod's resolv.conf names the cluster's DNS.",
        advice: "Set dnsPolicy to ClusterFirst (ClusterFirstWithHostNet on the host network), or correct dnsConfig.",
    }
    IpExhausted Network Infrastructure {
        definition: "The node has no pod address left.",
        signal: "FailedCreatePodSandBox: no IP addresses available, or failed to assign an IP address.",
        confirm: "The node's pod range or subnet is used up.",
        refute: "Pods get addresses on the same node.",
        advice: "Enlarge the pod range or subnet, free leaked addresses, or run fewer pods a node.",
    }
    IngressBackendMissing Network Wiring {
        definition: "An Ingress leads to a Service or a port that does not exist.",
        signal: "A backend names no Service of the namespace, or no port of it.",
        confirm: "The controller answers 503 or 404 for the path.",
        refute: "The Service and its port exist.",
        advice: "Correct the backend in the Ingress, or create the Service.",
    }
    IngressClassMissing Network Wiring {
        definition: "No controller takes up the Ingress.",
        signal: "ingressClassName names no IngressClass.",
        confirm: "The Ingress has no address and is in no controller's configuration.",
        refute: "The IngressClass exists.",
        advice: "Name an IngressClass that exists, or install the controller.",
    }
    TlsSecretMissing Network Wiring {
        definition: "The Ingress names a TLS Secret that does not exist.",
        signal: "spec.tls names a Secret that is not in the namespace.",
        confirm: "The controller serves its default certificate.",
        refute: "The Secret exists.",
        advice: "Create the Secret, or see why the certificate's issuer has not.",
    }
    CertificateExpired Network Specific {
        definition: "A certificate has expired.",
        signal: "The log or a readiness message says: certificate has expired; or notAfter of a TLS Secret in use has passed.",
        confirm: "notAfter of the served certificate has passed.",
        refute: "The certificate is valid and the clock is right.",
        advice: "Renew the certificate and reload what serves it; see why the renewal did not happen.",
    }
    CertificateUntrusted Network Specific {
        definition: "A certificate is not trusted by its client.",
        signal: "The log says: unknown authority, self-signed certificate, or a name mismatch.",
        confirm: "The client's CA bundle lacks the issuer, or the host is not in the certificate.",
        refute: "The client trusts the issuer.",
        advice: "Give the client the CA bundle, or serve a certificate for the name that is asked.",
    }
    CertificateNotIssued Network Specific {
        definition: "The issuer does not give a certificate that is asked for.",
        signal: "A cert-manager Certificate is not Ready, and its issuer, request, order or challenge says why.",
        confirm: "The Secret is missing or keeps its old certificate while the request stays open or fails.",
        refute: "The certificate is issued on the next try.",
        advice: "Fix what the issuer reports: its account or key, the challenge's DNS or route, a rate limit; then renew.",
    }
    LinkDegraded Network Broad {
        definition: "A network link is slow or loses packets, so calls between sound pods are slow or break off.",
        signal: "Logs name resets, timeouts or retransmissions that come and go, while both ends are ready and no policy is in the way.",
        confirm: "The same calls are fast between other nodes; the node's interface counts errors or drops.",
        refute: "The callee itself is slow or overloaded.",
        advice: "Compare pods by node; drain the node whose pods complain, and check its interface, MTU and network plugin.",
    }
}
