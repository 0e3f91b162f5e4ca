//! The faults that are still to happen.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Fault, SimulatedOperation};

/// The faults that are still to happen, in the order they were planned.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(crate) fn of(faults: impl Iterator<Item = Fault>) -> Self {
        Self(Mutex::new(faults.filter(|fault| fault.times > 0).collect()))
    }

    pub(crate) fn plan(&self, fault: Fault) {
        if fault.times > 0 {
            self.lock().push(fault);
        }
    }

    /// Those that are still to happen, in the order they were planned.
    pub(crate) fn planned(&self) -> Vec<Fault> {
        self.lock().clone()
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// What happens to this request: the first plan that is due. Every plan counts it.
    pub(crate) fn take(&self, operation: SimulatedOperation) -> Option<Fault> {
        let mut plans = self.lock();
        let mut hit = None;
        for plan in plans.iter_mut().filter(|plan| plan.operation == operation) {
            if plan.after > 0 {
                plan.after -= 1;
            } else if hit.is_none() {
                plan.times = plan.times.saturating_sub(1);
                hit = Some(plan.clone());
            }
        }
        plans.retain(|plan| plan.times > 0);
        hit
    }

    /// The request did not get as far as the fault: the next one will.
    pub(crate) fn give_back(&self, fault: Fault) {
        self.lock().insert(0, Fault { after: 0, times: 1, ..fault });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::FaultKind;

    #[test]
    fn faults_happen_when_planned_and_only_then() {
        let faults = Faults::default();
        faults.plan(Fault::new(SimulatedOperation::SendBatch, FaultKind::Drop).with_after(1).with_times(2));
        faults.plan(Fault::new(SimulatedOperation::SendBatch, FaultKind::Hang).with_after(2));
        let take = |operation| faults.take(operation).map(|fault| fault.fault);
        assert_eq!(take(SimulatedOperation::Token), None);
        let sends: Vec<_> = (0..6).map(|_| take(SimulatedOperation::SendBatch)).collect();
        let (drop, hang) = (Some(FaultKind::Drop), Some(FaultKind::Hang));
        assert_eq!(sends, [None, drop, drop, hang, None, None]);
    }
}
