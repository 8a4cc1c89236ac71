//! How many instances this machine has room for.

use super::{Guest, Size};

const FEWEST: u64 = 8;
const MOST: u64 = 256;

impl Guest {
    /// The number of instances that may live at the same time: as configured, or sized from this machine's memory
    /// (or from what its control group allows, when that is less).
    #[must_use]
    pub fn slots(&self) -> u32 {
        if self.instances > 0 { self.instances } else { sized(machine_memory(), self.memory) }
    }
}

/// Half of the machine for instances, the other half for compiled code, buffers and the page cache.
fn sized(machine: u64, instance: Size) -> u32 {
    let fit = machine / 2 / instance.bytes().max(1);
    u32::try_from(fit.clamp(FEWEST, MOST)).unwrap_or(u32::MAX)
}

/// Bytes of memory, 0 when the system does not tell.
fn machine_memory() -> u64 {
    let physical = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text)).unwrap_or(0);
    let allowed = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    allowed.map_or(physical, |allowed: u64| allowed.min(physical))
}

fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_machine_goes_to_instances_within_bounds() {
        assert_eq!(sized(8 << 30, Size::mib(64)), 64);
        assert_eq!(sized(0, Size::mib(64)), 8);
        assert_eq!(sized(1 << 40, Size::mib(64)), 256);
    }

    #[test]
    fn the_memory_line_is_read_in_bytes() {
        assert_eq!(total("MemTotal:       16384 kB\nMemFree: 1 kB\n"), Some(16 << 20));
        assert_eq!(total("nothing"), None);
    }
}
