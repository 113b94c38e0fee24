//! How quantities are written in tables.

/// `250m`
pub(crate) fn cpu(cores: f64) -> String {
    format!("{:.0}m", (cores * 1000.0).ceil())
}

/// `128Mi`
pub(crate) fn memory(bytes: f64) -> String {
    format!("{:.0}Mi", bytes / 1_048_576.0)
}

/// `94%`; empty where the whole is unknown.
pub(crate) fn percent(part: f64, whole: Option<f64>) -> String {
    match whole {
        Some(whole) if whole > 0.0 => format!("{:.0}%", part / whole * 100.0),
        _ => String::new(),
    }
}
