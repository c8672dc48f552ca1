//! Where what is there stands to what is ours: a pure comparison.

use std::collections::BTreeMap;

use reconciler::record::{Checkpoint, Evidence, Record, RecordError};

use super::Cursor;

/// What the record says, as far as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ours {
    /// The last record.
    pub(super) last: u64,
    /// What was let go of.
    pub(super) checkpoint: Option<Checkpoint>,
    /// The hashes under the numbers that were asked for, where they are there.
    pub(super) hashes: BTreeMap<u64, [u8; 32]>,
    /// The evidence that an operator gave up.
    pub(super) given_up: Option<Evidence>,
}

impl Ours {
    pub(super) fn read(record: &Record, seqs: &[u64]) -> Result<Self, RecordError> {
        let mut hashes = BTreeMap::new();
        for seq in seqs {
            if let Some(found) = record.audit_record(*seq)? {
                hashes.insert(*seq, *found.hash.as_bytes());
            }
        }
        let checkpoint = record.checkpoint()?;
        if let Some(Checkpoint { through, hash, .. }) = checkpoint {
            hashes.insert(through, *hash.as_bytes());
        }
        Ok(Self { last: record.anchor()?.seq, checkpoint, hashes, given_up: record.given_up()? })
    }

    /// The number before the first record that is left.
    fn begins_after(&self) -> u64 {
        self.checkpoint.map_or(0, |checkpoint| checkpoint.through)
    }
}

/// What the server has of a chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Theirs {
    /// The first record.
    pub(super) first: Option<u64>,
    /// The last one that follows the first without a gap.
    pub(super) contiguous: Option<Evidence>,
    /// The last one.
    pub(super) last: Option<Evidence>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is a part of ours: what comes after the cursor is sent.
    Follows(Cursor),
    /// It is ahead of ours, or another one.
    Forked(Evidence),
}

pub(super) fn compare(ours: &Ours, theirs: &Theirs) -> Standing {
    let begins = Cursor { seq: ours.begins_after(), hash: [0; 32] };
    let (Some(first), Some(contiguous), Some(last)) = (theirs.first, theirs.contiguous, theirs.last) else {
        return Standing::Follows(begins);
    };
    for end in [contiguous, last] {
        let known = ours.hashes.get(&end.seq);
        // What is from before the checkpoint cannot be compared any more, and is not kept either.
        let differs = known.is_some_and(|hash| hash != end.hash.as_bytes());
        if end.seq > ours.last || differs {
            return Standing::Forked(last);
        }
    }
    if first > ours.begins_after() + 1 || contiguous.seq <= ours.begins_after() {
        return Standing::Follows(begins);
    }
    Standing::Follows(Cursor { seq: contiguous.seq, hash: *contiguous.hash.as_bytes() })
}

#[cfg(test)]
mod tests {
    use reconciler::ids::{Digest, Timestamp};

    use super::*;

    fn hash(seq: u64) -> Digest {
        Digest::of(&seq.to_be_bytes())
    }

    fn end(seq: u64) -> Option<Evidence> {
        Some(Evidence { seq, hash: hash(seq) })
    }

    fn ours(last: u64) -> Ours {
        let hashes = (1..=last).map(|seq| (seq, *hash(seq).as_bytes())).collect();
        Ours { last, checkpoint: None, hashes, given_up: None }
    }

    fn follows(seq: u64) -> Standing {
        let hash = if seq == 0 { [0; 32] } else { *hash(seq).as_bytes() };
        Standing::Follows(Cursor { seq, hash })
    }

    #[test]
    fn what_is_a_part_of_ours_is_gone_on_from() {
        assert_eq!(compare(&ours(9), &Theirs::default()), follows(0), "an empty server");
        let theirs = Theirs { first: Some(1), contiguous: end(5), last: end(5) };
        assert_eq!(compare(&ours(9), &theirs), follows(5));
        assert_eq!(compare(&ours(5), &theirs), follows(5), "nothing is missing");
    }

    #[test]
    fn what_has_a_hole_is_filled_from_there() {
        let theirs = Theirs { first: Some(1), contiguous: end(3), last: end(8) };
        assert_eq!(compare(&ours(9), &theirs), follows(3));
        let theirs = Theirs { first: Some(4), contiguous: end(8), last: end(8) };
        assert_eq!(compare(&ours(9), &theirs), follows(0), "the beginning is gone");
    }

    #[test]
    fn what_is_ahead_or_another_is_evidence() {
        let ahead = Theirs { first: Some(1), contiguous: end(5), last: end(5) };
        assert_eq!(compare(&ours(4), &ahead), Standing::Forked(end(5).expect("it")));
        let other = Evidence { seq: 5, hash: Digest::of(b"another") };
        let another = Theirs { first: Some(1), contiguous: Some(other), last: Some(other) };
        assert_eq!(compare(&ours(9), &another), Standing::Forked(other));
        let beyond = Theirs { first: Some(1), contiguous: end(3), last: Some(other) };
        assert_eq!(compare(&ours(9), &beyond), Standing::Forked(other), "behind a hole too");
    }

    #[test]
    fn a_checkpoint_is_where_it_begins() {
        let written = Timestamp::from_millis(1);
        let checkpoint = Checkpoint { from: 1, through: 6, hash: hash(6), written };
        let mut ours = Ours { checkpoint: Some(checkpoint), ..ours(9) };
        ours.hashes.retain(|seq, _| *seq >= 6);
        let begins = Standing::Follows(Cursor { seq: 6, hash: [0; 32] });
        assert_eq!(compare(&ours, &Theirs::default()), begins);
        let before = Theirs { first: Some(1), contiguous: end(4), last: end(4) };
        assert_eq!(compare(&ours, &before), begins, "what it has is gone here");
        let beyond = Theirs { first: Some(1), contiguous: end(8), last: end(8) };
        assert_eq!(compare(&ours, &beyond), follows(8));
    }
}
