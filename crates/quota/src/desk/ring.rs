//! Things that take turns: rings of numbered nodes. What a node held stays where it is when the node is given back, so that
//! its memory serves the next one, and a steady coming and going allocates nothing. Decides nothing.

/// Whoever takes turns; the front is next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ring {
    front: Option<u32>,
}

/// Nodes of any number of rings; each is in one at most.
#[derive(Clone, Debug, Default)]
pub(super) struct Nodes<T> {
    nodes: Vec<Node<T>>,
    free: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Node<T> {
    previous: u32,
    next: u32,
    body: T,
}

impl Ring {
    /// Whose turn it is.
    pub(super) fn front(self) -> Option<u32> {
        self.front
    }
}

impl<T: Default> Nodes<T> {
    /// A node that is in no ring. What it holds is what was last left in it.
    pub(super) fn take(&mut self) -> u32 {
        if let Some(node) = self.free.pop() {
            return node;
        }
        let node = u32::try_from(self.nodes.len()).expect("memory ends before numbers do");
        self.nodes.push(Node {
            previous: node,
            next: node,
            body: T::default(),
        });
        node
    }

    /// Gives back a node that is in no ring.
    pub(super) fn give_back(&mut self, node: u32) {
        self.free.push(node);
    }

    /// The node goes after all others of the ring.
    pub(super) fn join(&mut self, ring: &mut Ring, node: u32) {
        let Some(front) = ring.front else {
            self.node_mut(node).previous = node;
            self.node_mut(node).next = node;
            ring.front = Some(node);
            return;
        };
        let back = self.node(front).previous;
        self.node_mut(node).previous = back;
        self.node_mut(node).next = front;
        self.node_mut(back).next = node;
        self.node_mut(front).previous = node;
    }

    /// The node leaves the ring; the others keep their order.
    pub(super) fn part(&mut self, ring: &mut Ring, node: u32) {
        let Node { previous, next, .. } = *self.node(node);
        self.node_mut(previous).next = next;
        self.node_mut(next).previous = previous;
        if ring.front == Some(node) {
            ring.front = (next != node).then_some(next);
        }
    }

    /// The front has had its turn.
    pub(super) fn turn(&self, ring: &mut Ring) {
        ring.front = ring.front.map(|front| self.node(front).next);
    }

    /// How many nodes were ever needed at once.
    #[cfg(test)]
    pub(super) fn made(&self) -> usize {
        self.nodes.len()
    }

    fn node(&self, node: u32) -> &Node<T> {
        &self.nodes[node as usize]
    }

    fn node_mut(&mut self, node: u32) -> &mut Node<T> {
        &mut self.nodes[node as usize]
    }
}

impl<T> std::ops::Index<u32> for Nodes<T> {
    type Output = T;

    fn index(&self, node: u32) -> &T {
        &self.nodes[node as usize].body
    }
}

impl<T> std::ops::IndexMut<u32> for Nodes<T> {
    fn index_mut(&mut self, node: u32) -> &mut T {
        &mut self.nodes[node as usize].body
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn order(nodes: &Nodes<u32>, mut ring: Ring) -> Vec<u32> {
        let front = ring.front();
        let mut order = Vec::new();
        while let Some(next) = ring.front() {
            order.push(next);
            nodes.turn(&mut ring);
            if ring.front() == front {
                break;
            }
        }
        order
    }

    proptest! {
        #[test]
        fn a_ring_turns_as_a_list_does_whose_front_goes_to_the_back(steps in prop::collection::vec((0..3_u8, 0..8_usize), 0..60)) {
            let (mut nodes, mut ring, mut list) = (Nodes::<u32>::default(), Ring::default(), VecDeque::new());
            for (step, which) in steps {
                match step {
                    0 => {
                        let node = nodes.take();
                        nodes.join(&mut ring, node);
                        list.push_back(node);
                    }
                    1 if which < list.len() => {
                        let node = list.remove(which).unwrap();
                        nodes.part(&mut ring, node);
                        nodes.give_back(node);
                    }
                    _ if !list.is_empty() => {
                        nodes.turn(&mut ring);
                        list.rotate_left(1);
                    }
                    _ => {}
                }
                prop_assert_eq!(order(&nodes, ring), Vec::from(list.clone()));
            }
        }
    }
}
