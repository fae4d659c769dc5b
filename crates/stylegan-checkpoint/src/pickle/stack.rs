//! The machine's stack, and its marks.

use super::PickleFault;
use super::machine::Machine;
use super::node::{Id, Node};

impl Machine<'_, '_> {
    pub(super) fn push(&mut self, node: Node) -> Result<(), PickleFault> {
        let id = self.arena.add(node)?;
        self.stack.push(id);
        Ok(())
    }

    /// The lowest place that may be taken from the stack: nothing is taken from below the last mark.
    pub(super) fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    pub(super) fn pop(&mut self) -> Result<Id, PickleFault> {
        if self.stack.len() <= self.floor() {
            return Err(empty());
        }
        self.stack.pop().ok_or_else(empty)
    }

    pub(super) fn top(&self) -> Result<Id, PickleFault> {
        self.stack[self.floor()..].last().copied().ok_or_else(empty)
    }

    pub(super) fn discard(&mut self) -> Result<(), PickleFault> {
        // POP on a mark takes the mark.
        if self.stack.len() == self.floor() && self.marks.pop().is_some() {
            return Ok(());
        }
        self.pop().map(drop)
    }

    pub(super) fn last(&mut self, count: usize) -> Result<Vec<Id>, PickleFault> {
        let start = self.stack.len().checked_sub(count).filter(|&start| start >= self.floor());
        Ok(self.stack.split_off(start.ok_or_else(empty)?))
    }

    pub(super) fn above_mark(&mut self) -> Result<Vec<Id>, PickleFault> {
        let mark = self.marks.pop().ok_or_else(|| PickleFault::malformed("a mark is missing"))?;
        Ok(self.stack.split_off(mark))
    }

    pub(super) fn collect(&mut self, make: fn(Vec<Id>) -> Node) -> Result<(), PickleFault> {
        let items = self.above_mark()?;
        self.push(make(items))
    }

    pub(super) fn extend(&mut self, items: Vec<Id>) -> Result<(), PickleFault> {
        let target = self.top()?;
        match self.arena.get_mut(target) {
            Some(Node::List(list) | Node::Set(list)) => list.extend(items),
            Some(Node::Object(object)) => object.elements.extend(items),
            _ => return Err(self.unfit(target, "have elements")),
        }
        Ok(())
    }

    pub(super) fn insert(&mut self, new: Vec<(Id, Id)>) -> Result<(), PickleFault> {
        let target = self.top()?;
        match self.arena.get_mut(target) {
            Some(Node::Dict(entries)) => entries.extend(new),
            Some(Node::Object(object)) => object.entries.extend(new),
            _ => return Err(self.unfit(target, "have entries")),
        }
        Ok(())
    }

    pub(super) fn unfit(&self, target: Id, what: &str) -> PickleFault {
        PickleFault::malformed(format!("{} cannot {what}", self.arena.get(target).kind()))
    }
}

fn empty() -> PickleFault {
    PickleFault::malformed("it takes more values than it gives: the file is damaged")
}
