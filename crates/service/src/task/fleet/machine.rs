//! The machine that a process runs on, from one start of the machine to the next, and how long it has been running: the one
//! thing that two processes can count on together, since the time of day is set, and is wrong where nobody sets it.

use std::time::Duration;

/// A machine.
pub(super) struct Machine {
    /// What it is called until it is started again.
    pub(super) boot: String,
    running_for: fn() -> Option<Duration>,
}

impl Machine {
    /// This one, if the kernel tells one start from another.
    pub(super) fn this() -> Option<Machine> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(Machine {
            boot: boot.trim().to_owned(),
            running_for,
        })
    }

    /// One that a test has made.
    #[cfg(test)]
    pub(super) fn made(running_for: fn() -> Option<Duration>) -> Machine {
        Machine {
            boot: "made by a test".to_owned(),
            running_for,
        }
    }

    /// How long it has been running, suspended or not.
    pub(super) fn running_for(&self) -> Option<Duration> {
        (self.running_for)()
    }
}

#[cfg(target_os = "linux")]
fn running_for() -> Option<Duration> {
    let since = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(since).ok()
}

#[cfg(not(target_os = "linux"))]
fn running_for() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_has_a_name_and_its_time_goes_on() {
        let machine = super::Machine::this().expect("Linux tells");
        assert_eq!(
            Some(&machine.boot),
            super::Machine::this().map(|again| again.boot).as_ref()
        );
        let before = machine.running_for().expect("Linux tells");
        assert!(!before.is_zero() && machine.running_for() >= Some(before));
    }
}
