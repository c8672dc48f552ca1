//! Packs that were made to exhaust who reads them: small on the wire, large in memory or without end.
//!
//! What ends them are limits of the fetch: bytes on disk (`MAX_REPO_BYTES`), memory of the child
//! (`MAX_FETCH_MEMORY`), the deadline. Each test sets them low and sees them hold.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use git2::{ObjectType, Oid};
use miniz_oxide::deflate::core::{CompressorOxide, TDEFLFlush, compress, create_comp_flags_from_zip_params};
use reconciler::report::Remedy;
use reconciler::source::{FetchError, Fetched, SourceError};
use sha1::{Digest as _, Sha1};

use crate::world::{Server, World, answer, listing, noise, packet};

const MIB: u64 = 1 << 20;

/// How the memory of a bomb is limited here.
const MEMORY: u64 = 96 * MIB;

/// Kinds of objects as a pack numbers them.
#[derive(Clone, Copy)]
enum Kind {
    Commit = 1,
    Tree = 2,
    Blob = 3,
    DeltaByOffset = 6,
}

/// The objects of a pack in the making.
struct Pack {
    bytes: Vec<u8>,
}

impl Pack {
    /// Begins one that says how many objects come.
    fn of(objects: u32) -> Self {
        let mut bytes = b"PACK\0\0\0\x02".to_vec();
        bytes.extend(objects.to_be_bytes());
        Self { bytes }
    }

    /// Adds an object; the offset at which it begins.
    fn add(&mut self, kind: Kind, size: u64, before: &[u8], deflated: &[u8]) -> usize {
        let at = self.bytes.len();
        let low = |value: u64, mask: u64| u8::try_from(value & mask).unwrap();
        let (mut byte, mut left) = ((kind as u8) << 4 | low(size, 15), size >> 4);
        while left > 0 {
            self.bytes.push(byte | 0x80);
            (byte, left) = (low(left, 127), left >> 7);
        }
        self.bytes.push(byte);
        self.bytes.extend(before);
        self.bytes.extend(deflated);
        at
    }

    fn add_plain(&mut self, kind: Kind, bytes: &[u8]) -> usize {
        let deflated = miniz_oxide::deflate::compress_to_vec_zlib(bytes, 1);
        self.add(kind, u64::try_from(bytes.len()).unwrap(), &[], &deflated)
    }

    /// Adds a delta against an object that begins earlier.
    fn add_delta(&mut self, base: usize, delta: &[u8]) -> usize {
        let mut distance = self.bytes.len() - base;
        let mut offset = vec![u8::try_from(distance & 127).unwrap()];
        while distance >= 128 {
            distance = (distance >> 7) - 1;
            offset.insert(0, u8::try_from(distance & 127).unwrap() | 0x80);
        }
        let deflated = miniz_oxide::deflate::compress_to_vec_zlib(delta, 1);
        self.add(Kind::DeltaByOffset, u64::try_from(delta.len()).unwrap(), &offset, &deflated)
    }

    /// Ends it with its checksum.
    fn end(mut self) -> Vec<u8> {
        let sum = Sha1::digest(&self.bytes);
        self.bytes.extend(sum);
        self.bytes
    }
}

/// Zeros, deflated without holding them: one mebibyte, again and again.
fn deflated_zeros(mebibytes: u64) -> Vec<u8> {
    let zeros = vec![0; 1 << 20];
    let mut chunk = vec![0; 1 << 16];
    let flags = create_comp_flags_from_zip_params(1, -15, 0);
    let mut compressor = CompressorOxide::new(flags);
    let (_, read, written) = compress(&mut compressor, &zeros, &mut chunk, TDEFLFlush::Full);
    assert_eq!(read, zeros.len());
    let mut bytes = vec![0x78, 0x01];
    for _ in 0..mebibytes {
        bytes.extend(&chunk[..written]);
    }
    // An empty last block, and the sum of that many zeros.
    bytes.extend([0x03, 0x00]);
    let sum = (mebibytes * MIB % 65_521) << 16 | 1;
    bytes.extend(u32::try_from(sum).unwrap().to_be_bytes());
    bytes
}

/// The id of 256 mebibytes of zeros as a blob, which is not hashed here again.
const ZEROS: (u64, &str) = (256, "89b65bcc7a1f3f68f45654de865cab3c4b649b71");

/// A tree of one file, and a commit of it.
fn tree_and_commit(blob: Oid) -> ([Vec<u8>; 2], Oid) {
    let tree = [b"100644 big.bin\0", blob.as_bytes()].concat();
    let who = "t <t@example.org> 1700000000 +0000";
    let id = Oid::hash_object(ObjectType::Tree, &tree).unwrap();
    let commit = format!("tree {id}\nauthor {who}\ncommitter {who}\n\npush\n").into_bytes();
    let id = Oid::hash_object(ObjectType::Commit, &commit).unwrap();
    ([tree, commit], id)
}

/// A server that lists references, and answers the request for a pack by writing what it likes.
fn listing_refs(
    refs: &str,
    id: Oid,
    send: impl Fn(&mut std::net::TcpStream) -> std::io::Result<()> + Send + Sync + Clone + 'static,
) -> Server {
    let main = packet(&format!("{id} refs/heads/main\0multi_ack shallow symref=HEAD:refs/heads/main\n"));
    let list = listing(&[main, refs.to_owned()]);
    let shallow = format!("{}0000", packet(&format!("shallow {id}")));
    Server::start(move |head, body, stream| {
        let result = "Content-Type: application/x-git-upload-pack-result\r\n";
        if head.starts_with("GET") {
            drop(stream.write_all(&list));
        } else if body.ends_with(b"done\n") {
            let head = format!("HTTP/1.1 200 OK\r\n{result}Connection: close\r\n\r\n{shallow}0008NAK\n");
            // A client that has had enough hangs up.
            drop(stream.write_all(head.as_bytes()).and_then(|()| send(stream)));
        } else {
            drop(stream.write_all(&answer("200 OK", result, shallow.as_bytes())));
        }
    })
}

fn sending(id: Oid, pack: Vec<u8>) -> Server {
    listing_refs("", id, move |stream| stream.write_all(&pack))
}

/// A world whose fetch has little memory and little room on disk.
fn confined(server: &Server) -> World {
    let mut world = World::new().url(format!("{}/skills.git", server.url)).following("main");
    world.source.limits.max_memory = MEMORY;
    world.source.limits.max_repo_bytes = 8 * MIB;
    world
}

/// All bytes below the mirror.
fn on_disk(path: &Path) -> u64 {
    let size = |entry: std::fs::DirEntry| {
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() { on_disk(&entry.path()) } else { metadata.len() }
    };
    std::fs::read_dir(path).unwrap().map(|entry| size(entry.unwrap())).sum()
}

/// Whatever came of it, no more is on disk than may be, and after the sweep of the next fetch nothing is.
fn check_disk(world: &World, fetched: &Result<Fetched, SourceError>) {
    let used = on_disk(&world.mirror_path());
    assert!(used < 9 * MIB, "{used} bytes are on disk");
    if fetched.is_err() {
        let mirror = world.mirror();
        mirror.sweep().unwrap();
        assert!(!mirror.has_history(), "a failed fetch moved the tip");
        let left = std::fs::read_dir(world.mirror_path().join("objects/pack")).unwrap().count();
        assert_eq!(left, 0, "something is left of a broken pack");
    }
}

/// Memory is what ended it: the child says so, or was ended.
fn is_memory(error: &SourceError) -> bool {
    let told = matches!(error, SourceError::Fetch(FetchError::Memory { .. }) | SourceError::Signalled { .. });
    told && error.to_string().contains(&MEMORY.to_string())
}

#[test]
fn a_large_file_in_a_small_pack_takes_no_memory() {
    let (mebibytes, blob) = ZEROS;
    let ([tree, commit], id) = tree_and_commit(Oid::from_str(blob).unwrap());
    let mut pack = Pack::of(3);
    pack.add_plain(Kind::Commit, &commit);
    pack.add_plain(Kind::Tree, &tree);
    pack.add(Kind::Blob, mebibytes * MIB, &[], &deflated_zeros(mebibytes));
    let server = sending(id, pack.end());
    let world = confined(&server);
    let fetched = world.fetch();
    check_disk(&world, &fetched);
    assert_eq!(fetched.unwrap().commit, id.into());
    assert_eq!(world.mirror().blob_size(Oid::from_str(blob).unwrap().into()).unwrap(), mebibytes * MIB);
}

/// The id of 128 mebibytes of zeros as a tree.
const ZERO_TREE: (u64, &str) = (128, "85b7d5397ec656e789334c7a46ca549d4ee8b395");

#[test]
fn a_pack_bomb_is_refused_before_anything_of_it_is_in_memory() {
    let (mebibytes, tree) = ZERO_TREE;
    let who = "t <t@example.org> 1700000000 +0000";
    let commit = format!("tree {tree}\nauthor {who}\ncommitter {who}\n\npush\n").into_bytes();
    let id = Oid::hash_object(ObjectType::Commit, &commit).unwrap();
    let mut pack = Pack::of(2);
    pack.add_plain(Kind::Commit, &commit);
    pack.add(Kind::Tree, mebibytes * MIB, &[], &deflated_zeros(mebibytes));
    let server = sending(id, pack.end());
    let world = confined(&server);
    let error = world.refused();
    let text = error.to_string();
    assert!(matches!(error, FetchError::ObjectTooLarge { .. }), "{error:?}");
    assert_eq!(error.remedy(), Remedy::Person);
    let named = format!("the tree {tree} of {}/skills.git has 134217728 bytes", server.url);
    assert!(text.contains(&named) && text.contains("MAX_OBJECT_BYTES lets 33554432 be opened"), "{text}");
    assert!(on_disk(&world.mirror_path()) < 9 * MIB && !world.mirror().has_history());
}

/// A delta that says how large base and result are, and copies the first bytes of the base over and over.
fn copying(base: u64, each: u64, times: u64) -> Vec<u8> {
    let mut delta = Vec::new();
    for mut size in [base, each * times] {
        while size >= 128 {
            delta.push(u8::try_from(size & 127).unwrap() | 0x80);
            size >>= 7;
        }
        delta.push(u8::try_from(size).unwrap());
    }
    for _ in 0..times {
        // Copy from offset 0; the length is in the low three bytes.
        delta.push(0b1111_0000);
        delta.extend(&each.to_le_bytes()[..3]);
    }
    delta
}

#[test]
fn a_delta_bomb_ends_at_the_limit_of_memory() {
    let mut pack = Pack::of(3);
    let base = pack.add_plain(Kind::Blob, &vec![0; 1 << 16]);
    let middle = pack.add_delta(base, &copying(1 << 16, 1 << 16, 128));
    pack.add_delta(middle, &copying(8 * MIB, 8 * MIB, 100));
    let server = sending(Oid::from_str(&"12".repeat(20)).unwrap(), pack.end());
    let world = confined(&server);
    let fetched = world.fetch();
    check_disk(&world, &fetched);
    let error = fetched.unwrap_err();
    assert!(is_memory(&error), "{error:?}");
}

#[test]
fn a_pack_without_end_is_cut_at_the_limit_of_the_mirror() {
    let mut pack = Pack::of(1);
    pack.add(Kind::Blob, 1 << 34, &[], &[0x78, 0x01]);
    let begin = pack.bytes;
    // A block of deflate that is stored as it is: its length, the same inverted, the bytes.
    let block = [&[0, 0xff, 0xff, 0, 0][..], &noise(65_536)[..65_535]].concat();
    let server = listing_refs("", Oid::from_str(&"12".repeat(20)).unwrap(), move |stream| {
        stream.write_all(&begin)?;
        loop {
            stream.write_all(&block)?;
        }
    });
    let world = confined(&server);
    let fetched = world.fetch();
    check_disk(&world, &fetched);
    let error = fetched.unwrap_err();
    assert!(matches!(error, SourceError::Fetch(FetchError::TooLarge { .. })), "{error:?}");
    assert!(error.remedy() == Remedy::Person && error.to_string().contains("MAX_REPO_BYTES"), "{error}");
}

#[test]
fn a_pack_that_is_cut_short_is_broken_and_comes_at_the_next_try() {
    let blob = noise(300_000);
    let blob_id = Oid::hash_object(ObjectType::Blob, &blob).unwrap();
    let ([tree, commit], id) = tree_and_commit(blob_id);
    let mut pack = Pack::of(3);
    pack.add_plain(Kind::Commit, &commit);
    pack.add_plain(Kind::Tree, &tree);
    pack.add_plain(Kind::Blob, &blob);
    let pack = pack.end();
    for length in [0, 4, 12, 40, pack.len() / 2, pack.len() - 21, pack.len() - 1] {
        let server = sending(id, pack[..length].to_vec());
        let world = confined(&server);
        let fetched = world.fetch();
        check_disk(&world, &fetched);
        let error = fetched.unwrap_err();
        assert!(matches!(error, SourceError::Fetch(FetchError::Broken { .. })), "{length}: {error:?}");
        assert_eq!(error.remedy(), Remedy::Retry(None), "{length}");
        let server = sending(id, pack.clone());
        let world = world.url(format!("{}/skills.git", server.url));
        assert_eq!(world.fetched().commit, id.into(), "{length}");
    }
}

#[test]
fn a_server_that_falls_silent_in_the_pack_ends_at_the_deadline() {
    let server = listing_refs("", Oid::from_str(&"12".repeat(20)).unwrap(), |stream| {
        stream.write_all(b"PACK\0\0\0\x02\0\0\0\x03")?;
        // Until the client goes.
        std::io::copy(stream, &mut std::io::sink()).map(drop)
    });
    let world = confined(&server).timeout(Duration::from_secs(2));
    let fetched = world.fetch();
    check_disk(&world, &fetched);
    let error = fetched.unwrap_err();
    assert!(matches!(error, SourceError::Fetch(FetchError::Timeout { seconds: 2, .. })), "{error:?}");
    assert_eq!(error.remedy(), Remedy::Retry(None));
}

#[test]
fn a_hundred_thousand_references_are_listed_within_bounds() {
    let blob = b"one";
    let ([tree, commit], id) = tree_and_commit(Oid::hash_object(ObjectType::Blob, blob).unwrap());
    let mut pack = Pack::of(3);
    pack.add_plain(Kind::Commit, &commit);
    pack.add_plain(Kind::Tree, &tree);
    pack.add_plain(Kind::Blob, blob);
    let pack = pack.end();
    let refs: String = (0..100_000).map(|n| packet(&format!("{id} refs/pull/{n}/head\n"))).collect();
    let server = listing_refs(&refs, id, move |stream| stream.write_all(&pack));
    let world = confined(&server);
    assert_eq!(world.fetched().commit, id.into());
    // None of them is kept: what is followed is what counts.
    assert_eq!(world.mirror().refs_below("refs/").unwrap(), ["refs/skill-sync/remote/tip"]);
}
