//! In what pieces the system gives this process memory.

/// Has the system give this process no huge pages, whoever in it asks for them (ADRs 28 and 49). Where it cannot be asked nothing
/// changes.
pub fn forgo_huge_pages() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "huge pages are given as the system likes");
    }
}
