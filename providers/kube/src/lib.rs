//! leadsman-kube
