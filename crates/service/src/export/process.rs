//! What the kernel knows of this process, where there is a `/proc`.

/// The process at one moment.
pub(super) struct Process {
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: u64,
    pub(super) open_fds: u64,
}

/// Reads `/proc`; nothing where there is none.
pub(super) fn look() -> Option<Process> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program is in parentheses and may hold anything, so the fields are counted from its end.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let ticks = number(11)? + number(12)?;
    Some(Process {
        cpu_seconds: ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
        resident_bytes: number(21)? * rustix::param::page_size() as u64,
        open_fds: std::fs::read_dir("/proc/self/fd").ok()?.count() as u64,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_tells_of_this_process() {
        let found = super::look().expect("Linux has /proc");
        assert!(found.resident_bytes > 1 << 20, "{}", found.resident_bytes);
        assert!(found.open_fds >= 3, "{}", found.open_fds);
        assert!(found.cpu_seconds >= 0.0);
    }
}
