use super::*;
use proptest::prelude::*;

/// RFC 6962's definition, word for word.
fn naive_root(leaves: &[Vec<u8>]) -> Hash {
    match leaves.len() {
        0 => Hash::of(b""),
        1 => leaf(&leaves[0]),
        n => {
            let k = n.next_power_of_two() / 2;
            node(&naive_root(&leaves[..k]), &naive_root(&leaves[k..]))
        }
    }
}

/// PATH(m, D[n]) of the RFC.
fn naive_path(m: usize, leaves: &[Vec<u8>]) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let k = leaves.len().next_power_of_two() / 2;
    let (mut path, other) = if m < k {
        (naive_path(m, &leaves[..k]), naive_root(&leaves[k..]))
    } else {
        (naive_path(m - k, &leaves[k..]), naive_root(&leaves[..k]))
    };
    path.push(other);
    path
}

/// SUBPROOF(m, D[n], b) of the RFC.
fn naive_proof(m: usize, leaves: &[Vec<u8>], whole: bool) -> Vec<Hash> {
    if m == leaves.len() {
        return if whole { Vec::new() } else { vec![naive_root(leaves)] };
    }
    let k = leaves.len().next_power_of_two() / 2;
    let (mut proof, other) = if m <= k {
        (naive_proof(m, &leaves[..k], whole), naive_root(&leaves[k..]))
    } else {
        (naive_proof(m - k, &leaves[k..], false), naive_root(&leaves[..k]))
    };
    proof.push(other);
    proof
}

fn leaves(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|n| format!("leaf {n}").into_bytes()).collect()
}

/// The nodes of a tree, and its tip after each leaf.
fn grown(leaves: &[Vec<u8>]) -> (Vec<Hash>, Vec<Tip>) {
    let (mut frontier, mut nodes) = (Frontier::default(), Vec::new());
    let mut tips = vec![frontier.tip()];
    for bytes in leaves {
        frontier.append(leaf(bytes), |hash| nodes.push(hash));
        tips.push(frontier.tip());
    }
    (nodes, tips)
}

#[test]
fn every_size_to_330_has_the_rfcs_root_and_restores() {
    let leaves = leaves(330);
    let (nodes, tips) = grown(&leaves);
    for (size, tip) in tips.iter().enumerate() {
        assert_eq!(*tip, Tip { size: size as u64, root: naive_root(&leaves[..size]) });
        let kept = usize::try_from(kept(tip.size)).unwrap();
        let frontier = Frontier::restore(tip.size, &nodes[..kept]).unwrap();
        assert_eq!(frontier.tip(), *tip);
    }
    assert_eq!(nodes.len() as u64, kept(330));
}

#[test]
fn every_inclusion_proof_to_330_is_the_rfcs_and_verifies() {
    let leaves = leaves(330);
    let (nodes, tips) = grown(&leaves);
    for (size, tip) in tips.iter().enumerate() {
        // All leaves of the smaller trees; of the larger the edges and a stride.
        let step = if size <= 70 { 1 } else { 29 };
        for index in (0..size).step_by(step).chain(size.checked_sub(1)) {
            let proof = InclusionProof::make(index as u64, size as u64, nodes.as_slice());
            let proof = proof.unwrap().unwrap();
            assert_eq!(proof.path, naive_path(index, &leaves[..size]), "{index} of {size}");
            proof.verify(leaf(&leaves[index]), tip).unwrap();
        }
        assert_eq!(InclusionProof::make(size as u64, size as u64, nodes.as_slice()), Ok(None));
    }
}

#[test]
fn every_consistency_proof_to_130_is_the_rfcs_and_verifies() {
    let leaves = leaves(130);
    let (nodes, tips) = grown(&leaves);
    for (to, later) in tips.iter().enumerate() {
        for (from, earlier) in tips[..=to].iter().enumerate() {
            let proof = ConsistencyProof::make(from as u64, to as u64, nodes.as_slice());
            let proof = proof.unwrap().unwrap();
            if from > 0 {
                assert_eq!(proof.path, naive_proof(from, &leaves[..to], true), "{from} to {to}");
            }
            proof.verify(earlier, later).unwrap_or_else(|e| panic!("{from} to {to}: {e}"));
        }
    }
    assert_eq!(ConsistencyProof::make(3, 2, nodes.as_slice()), Ok(None));
}

/// The first digits of the roots of trees of 0 to 7 leaves, each leaf `leaf n`.
const ROOTS: [&str; 8] = [
    "af1349b9", "7e5301b7", "940e6e0f", "e8a21b22", "3919d533", "4ec03159", "ed90f264", "ec0ea27f",
];

#[test]
fn known_trees_have_known_roots() {
    // BLAKE3 of nothing, and of one byte: the algorithm's own published vectors (inputs of 0 and 1 byte).
    assert_eq!(
        Tip::empty().root.to_string(),
        "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    );
    assert_eq!(
        leaf(b"").to_string(),
        "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"
    );
    let (_, tips) = grown(&leaves(7));
    let roots: Vec<String> = tips.iter().map(|tip| tip.root.short()).collect();
    assert_eq!(roots, ROOTS);
}

#[test]
fn nodes_keep_their_places_as_the_tree_grows() {
    assert_eq!(NodeAt { level: 0, index: 0 }.place(), 0);
    assert_eq!(NodeAt { level: 0, index: 1 }.place(), 1);
    assert_eq!(NodeAt { level: 1, index: 0 }.place(), 2);
    assert_eq!(NodeAt { level: 2, index: 0 }.place(), 6);
    let missing = NodeAt { level: 1, index: 0 };
    assert_eq!(<[Hash]>::read(&[Hash::default(); 2], &[missing]), Err(missing));
}

proptest! {
    #[test]
    fn nothing_else_verifies(size in 1usize..90, index in any::<prop::sample::Index>(), bit in 0usize..256, at in any::<prop::sample::Index>()) {
        let leaves = leaves(size);
        let (nodes, tips) = grown(&leaves);
        let (index, tip) = (index.index(size), tips[size]);
        let proof = InclusionProof::make(index as u64, size as u64, nodes.as_slice()).unwrap().unwrap();
        let right = leaf(&leaves[index]);
        prop_assert!(proof.verify(leaf(b"other"), &tip).is_err());
        for wrong in [index as u64 + 1, size as u64, u64::MAX] {
            let moved = InclusionProof { leaf: wrong, ..proof.clone() };
            prop_assert!(moved.verify(right, &tip).is_err());
        }
        let longer = InclusionProof { path: [proof.path.clone(), vec![right]].concat(), ..proof.clone() };
        prop_assert!(longer.verify(right, &tip).is_err());
        let other = Tip { size: tip.size + 1, ..tip };
        prop_assert!(proof.verify(right, &other).is_err());
        if !proof.path.is_empty() {
            let mut changed = proof.clone();
            changed.path[at.index(proof.path.len())].0[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(changed.verify(right, &tip).is_err());
        }
    }

    #[test]
    fn no_rewritten_history_is_consistent(to in 2usize..90, from in any::<prop::sample::Index>(), changed in any::<prop::sample::Index>()) {
        let from = 1 + from.index(to - 1);
        let honest = leaves(to);
        let mut forged = honest.clone();
        forged[changed.index(from)] = b"rewritten".to_vec();
        let (_, tips) = grown(&honest);
        let (nodes, others) = grown(&forged);
        let proof = ConsistencyProof::make(from as u64, to as u64, nodes.as_slice()).unwrap().unwrap();
        prop_assert!(proof.verify(&others[from], &others[to]).is_ok());
        prop_assert!(proof.verify(&tips[from], &others[to]).is_err());
    }
}
