//! The place in memory of a node that is read from the store when it is first looked at.

#![allow(unsafe_code)] // a counted reference in an atomic pointer, half the size of an OnceLock

use super::node::Node;
use std::{
    fmt, ptr,
    sync::{
        Arc,
        atomic::{AtomicPtr, Ordering},
    },
};

/// Empty, or the owner of a counted reference to a node. Filled once, by any thread.
pub(super) struct Slot(AtomicPtr<Node>);

impl Slot {
    #[inline]
    pub(super) const fn empty() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    #[inline]
    pub(super) fn holding(node: Arc<Node>) -> Self {
        Self(AtomicPtr::new(Arc::into_raw(node).cast_mut()))
    }

    #[inline]
    pub(super) fn get(&self) -> Option<&Node> {
        // SAFETY: a pointer that is not null came from `Arc::into_raw`, and the slot owns that
        // reference until it is dropped: only `&mut self` gives it up. The node was complete before
        // the pointer was stored with Release.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    /// Fills it, unless another thread was faster; what is in it then.
    pub(super) fn get_or_fill(&self, node: Arc<Node>) -> &Node {
        let new = Arc::into_raw(node).cast_mut();
        let filled =
            self.0.compare_exchange(ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire);
        let there = match filled {
            Ok(_) => new,
            Err(there) => {
                // SAFETY: it came from `Arc::into_raw` above, and nobody else has it.
                drop(unsafe { Arc::from_raw(new) });
                there
            }
        };
        // SAFETY: as for `get`; `there` is in the slot.
        unsafe { &*there }
    }

    /// Where the node is, without looking at it.
    #[inline]
    pub(super) fn place(&self) -> *const Node {
        self.0.load(Ordering::Relaxed)
    }
}

impl Clone for Slot {
    #[inline]
    fn clone(&self) -> Self {
        let node = self.0.load(Ordering::Acquire);
        if !node.is_null() {
            // SAFETY: it came from `Arc::into_raw`, and the slot owns a reference meanwhile.
            unsafe { Arc::increment_strong_count(node) };
        }
        Self(AtomicPtr::new(node))
    }
}

impl Drop for Slot {
    #[inline]
    fn drop(&mut self) {
        let node = *self.0.get_mut();
        if !node.is_null() {
            // SAFETY: the slot owns the reference, and is not used after.
            drop(unsafe { Arc::from_raw(node) });
        }
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Slot").field(&self.get()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trie::node::{AccountLink, Leaf};
    use alloy_trie::Nibbles;
    use std::thread;

    fn node(value: u8) -> Arc<Node> {
        let (value, account) = (Box::from([value]), AccountLink::default());
        Arc::new(Node::Leaf(Leaf { path: Nibbles::new(), value, account }))
    }

    #[test]
    fn counts_every_reference() {
        let first = node(1);
        let slot = Slot::holding(first.clone());
        let copies: Vec<Slot> = (0..5).map(|_| slot.clone()).collect();
        assert_eq!(Arc::strong_count(&first), 7);
        drop(copies);
        drop(slot);
        assert_eq!(Arc::strong_count(&first), 1);
        assert!(Slot::empty().clone().get().is_none());
    }

    #[test]
    fn is_filled_once_by_one_of_many_threads() {
        for _ in 0..200 {
            let slot = Slot::empty();
            let nodes: Vec<Arc<Node>> = (0..4).map(node).collect();
            let seen: Vec<*const Node> = thread::scope(|scope| {
                let fill = |node: &Arc<Node>| {
                    let (slot, node) = (&slot, node.clone());
                    scope.spawn(move || ptr::from_ref(slot.get_or_fill(node)) as usize)
                };
                let threads: Vec<_> = nodes.iter().map(fill).collect();
                threads.into_iter().map(|it| it.join().unwrap() as *const Node).collect()
            });
            assert!(seen.iter().all(|place| *place == slot.place()));
            drop(slot);
            assert!(nodes.iter().all(|node| Arc::strong_count(node) == 1));
        }
    }
}
