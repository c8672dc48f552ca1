//! Verdicts in memory over verdicts in the database: a service asks the database once.

use std::sync::Arc;

use crate::record::{Reading, Record};
use crate::verdict::{ContentKey, JudgeCache, JudgedSkill, MemoryCache};

/// What one pass judges by. Dropped, it leaves in memory what this pass asked for and nothing else, so
/// that the memory is bounded by one commit.
pub(super) struct Layered<'a> {
    memory: &'a mut MemoryCache,
    record: Reading<'a>,
}

impl<'a> Layered<'a> {
    pub(super) fn new(memory: &'a mut MemoryCache, record: &'a mut Record) -> Self {
        Self { memory, record: record.reading() }
    }
}

impl JudgeCache for Layered<'_> {
    fn get(&mut self, key: &ContentKey, rules: &str) -> Option<Arc<JudgedSkill>> {
        self.memory.get(key, rules).or_else(|| {
            let judged = self.record.get(key, rules)?;
            self.memory.put(key, rules, &judged);
            Some(judged)
        })
    }

    fn put(&mut self, key: &ContentKey, rules: &str, judged: &Arc<JudgedSkill>) {
        self.memory.put(key, rules, judged);
        self.record.put(key, rules, judged);
    }
}

impl Drop for Layered<'_> {
    fn drop(&mut self) {
        self.memory.forget_unasked();
    }
}
