//! Which processors a measurement may use: a node and its callers on one machine must not take them from each other.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The processors of this machine in two parts, for the node and for its callers; half each, at least one.
pub(crate) struct Parts {
    node: CpuSet,
    callers: CpuSet,
    /// How many the node has, and how many its callers.
    pub(crate) counts: (u32, u32),
}

impl Parts {
    /// Parts what this process may use; `None` on a single processor.
    pub(crate) fn of_this_machine() -> io::Result<Option<Self>> {
        let all = sched_getaffinity(None)?;
        let mut free = (0..CpuSet::MAX_CPU).filter(|number| all.is_set(*number));
        let (mut node, mut callers) = (CpuSet::new(), CpuSet::new());
        while let Some(number) = free.next() {
            node.set(number);
            free.next().into_iter().for_each(|number| callers.set(number));
        }
        let counts = (node.count(), callers.count());
        Ok((counts.1 > 0).then_some(Self { node, callers, counts }))
    }

    /// What this thread starts from now on runs where the node may.
    pub(crate) fn enter_node(&self) -> io::Result<()> {
        Ok(sched_setaffinity(None, &self.node)?)
    }

    /// What this thread starts from now on runs where the callers may.
    pub(crate) fn enter_callers(&self) -> io::Result<()> {
        Ok(sched_setaffinity(None, &self.callers)?)
    }
}
