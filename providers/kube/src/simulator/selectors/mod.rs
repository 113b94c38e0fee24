//! Label and field selectors, in Kubernetes' own syntax and with its own complaints.

mod fields;
mod labels;

pub(super) use fields::FieldSelector;
pub(super) use labels::LabelSelector;
