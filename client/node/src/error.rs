//! What can go wrong for a client: what is wrong, and what would be right.

use client::plan::Missing;
use client::{CatalogueError, KeyError, NameError, ObjectName, WishError, WordsError};
use network::client::ClientError;
use std::path::PathBuf;
use std::time::Duration;
use types::{Bytes, ContractId, Did, JwsError};

/// Why a client's command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A directory, a device or a pipe was given where a file belongs.
    #[error("{} is not a file; give a file, or pipe the bytes in and say how many there are", .0.display())]
    NotAFile(PathBuf),
    /// There is no client in this directory.
    #[error("{} holds no client yet; create one with `bondstore client init`, or bring one back from its words with `bondstore client recover`", .0.display())]
    NotInitialised(PathBuf),
    /// Providers ask more than the client would pay.
    #[error(
        "not enough providers come down to {most} msat per GB and day; the last quote asks {asked}. Offer more, or take what is asked by leaving --counter out{refusals}"
    )]
    CounterNotMet {
        /// What the client would pay at most.
        most: String,
        /// What the dearest slot of the last quote asks.
        asked: String,
        /// Who refused, and why, each after a semicolon.
        refusals: String,
    },
    /// There is one already.
    #[error("{} holds a client already; choose another directory, or use the client that is there", .0.display())]
    AlreadyInitialised(PathBuf),
    /// The configuration file cannot be read.
    #[error("{} cannot be read ({reason}); it should be what `client init` wrote", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The key file.
    #[error(transparent)]
    Identity(#[from] network::identity::KeystoreError),
    /// The catalogue file is damaged.
    #[error(
        "the catalogue {} cannot be used: {reason}. Nothing was overwritten; move the file away and bring the \
         catalogue back from its backup with `bondstore client recover` in a new directory", path.display()
    )]
    CatalogueFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The words are not a master key's.
    #[error(transparent)]
    Words(#[from] WordsError),
    /// The name cannot be an object's.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The wish cannot become terms.
    #[error(transparent)]
    Wish(#[from] WishError),
    /// A key does not open what it should.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A backup's catalogue cannot be read.
    #[error("the catalogue's backup: {0}")]
    Catalogue(#[from] CatalogueError),
    /// Bytes that cannot be cut, opened or decoded.
    #[error(transparent)]
    Shards(#[from] shards::Error),
    /// The market or a provider does not answer, or refuses.
    #[error(transparent)]
    Network(#[from] ClientError),
    /// An address cannot be used.
    #[error(transparent)]
    Endpoint(#[from] network::endpoint::EndpointError),
    /// A signed document is not what it should be.
    #[error(transparent)]
    Document(#[from] JwsError),
    /// The market quoted something else than was asked for.
    #[error("the market's quote is not for this request: {0}; ask again, and do not accept it")]
    ForeignQuote(String),
    /// The contract was not confirmed in time.
    #[error(
        "contract {contract} is not confirmed after {waited:?}: slot {slots} still wait for their providers; run \
         the command again to go on, or leave it: an unconfirmed contract expires and all money comes back"
    )]
    NotConfirmed {
        /// Which contract.
        contract: ContractId,
        /// Which slots.
        slots: String,
        /// How long was waited.
        waited: Duration,
    },
    /// The escrows of a contract on Bitcoin are not funded.
    #[error(
        "slots {slots} of contract {contract} take no bytes after {waited:?}, as their escrows are not funded: {reason}. Run \
         `bondstore coins run` beside this command, fund the address that `bondstore coins address` shows, and run the \
         command again to go on"
    )]
    NotFunded {
        /// Which contract.
        contract: ContractId,
        /// The slots that wait.
        slots: String,
        /// How long was waited.
        waited: Duration,
        /// What the first one's provider says.
        reason: String,
    },
    /// The contract can take no bytes.
    #[error("contract {contract} is {state}; only an agreed or active contract takes bytes")]
    ContractState {
        /// Which contract.
        contract: ContractId,
        /// Its state.
        state: String,
    },
    /// The contract is too full.
    #[error(
        "contract {contract} has room for {free} more in each slot, and {need} are needed; remove objects, let it grow \
         with `bondstore contract grow`, or leave --in out"
    )]
    NoRoom {
        /// Which contract.
        contract: ContractId,
        /// What its fullest slot can still take.
        free: Bytes,
        /// What the object takes in each slot.
        need: Bytes,
    },
    /// The source changed while it was read.
    #[error("{} changed while it was read: {how}. Nothing was stored under its name; put it again when it is at rest", path.display())]
    SourceChanged {
        /// Which file.
        path: PathBuf,
        /// How.
        how: String,
    },
    /// A stream gave more bytes than were declared.
    #[error(
        "the stream has more than the {bytes} bytes that were declared; declare what it really has"
    )]
    StreamTooLong {
        /// What was declared.
        bytes: u64,
    },
    /// An upload that goes on met other bytes than before.
    #[error(
        "segment {segment} is not what the interrupted upload read; the file was changed: put it again"
    )]
    OtherBytes {
        /// Which segment.
        segment: u64,
    },
    /// Another process uploads under this name.
    #[error("{0} is being uploaded by another process; wait for it, or choose another name")]
    UploadRunning(ObjectName),
    /// Another process downloads to this file.
    #[error("{} is being written by another download; wait for it, or choose another file", .0.display())]
    DownloadRunning(PathBuf),
    /// There is an object of this name already.
    #[error("there is an object called {0} already; choose another name, or remove it first")]
    NameTaken(ObjectName),
    /// There is no such object.
    #[error("there is no object called {0}; `bondstore ls` lists those there are")]
    NoSuchObject(ObjectName),
    /// Nobody shares it with us.
    #[error(
        "{owner} shares nothing called {name} with this client, or not any more; `bondstore shares` lists what is shared"
    )]
    NotShared {
        /// Whose it would be.
        owner: Did,
        /// Which object.
        name: ObjectName,
    },
    /// No grant lets us write it.
    #[error("{owner} does not let this client write {name}, or not any more; {right}")]
    NotWritable {
        /// Whose it would be.
        owner: Did,
        /// Which object.
        name: ObjectName,
        /// What would be right.
        right: String,
    },
    /// A grant was taken back, or is over, while it was used.
    #[error(
        "{0} does not let this client in any more: the grant was taken back or is over. Nothing is listed under the \
         name; ask {0} to share anew"
    )]
    LeaveEnded(Did),
    /// Another's contract is too full.
    #[error(
        "what {owner} lets this client write to has room for {free} more in each slot, and {need} are needed; remove \
         something with `bondstore rm --from`, or ask {owner} to let its contract grow"
    )]
    NoRoomWith {
        /// Whose contract.
        owner: Did,
        /// What its fullest slot can still take.
        free: Bytes,
        /// What the object takes in each slot.
        need: Bytes,
    },
    /// A contract is not for one guest's writing alone.
    #[error(
        "contract {contract} cannot be written to by this guest: {why}. Whoever may write to a contract may empty it; \
         make one for the guest with --room SIZE, or name an empty one with --in"
    )]
    NotApart {
        /// Which contract.
        contract: ContractId,
        /// What speaks against it.
        why: String,
    },
    /// A guest may write to the contract, and not under this name.
    #[error(
        "{guest} may write to contract {contract}, where it is to find {scope} alone; {name} belongs into another \
         contract: leave --in out"
    )]
    WrittenByGuest {
        /// Which contract.
        contract: ContractId,
        /// Who may write there.
        guest: Did,
        /// Under which names.
        scope: String,
        /// What was to be put there.
        name: String,
    },
    /// A share is taken back, and what its guest has put could not be had.
    #[error(
        "the share is taken back, but what its guest has put last may not be in the catalogue: {0}. Run `bondstore \
         unshare` again to have it"
    )]
    NotTakenIn(String),
    /// Others keep writing a shared list.
    #[error("the list of what is shared was written by others {0} times in a row; try again later")]
    ListContended(u32),
    /// Something shared cannot be sealed or opened.
    #[error(transparent)]
    Share(#[from] client::ShareError),
    /// The catalogue does not know the object's contract.
    #[error("the catalogue has no contract {0}; it is damaged: recover it from its backup")]
    NoSuchContract(ContractId),
    /// A provider does not take its shards.
    #[error(
        "slot {slot} ({provider}) failed: {reason}. What was stored is kept: run the command again to go on"
    )]
    Slot {
        /// Which slot.
        slot: u16,
        /// Who should keep it.
        provider: Did,
        /// What happened.
        reason: String,
    },
    /// Too few slots answer.
    #[error("{name} cannot be read: {missing}")]
    Missing {
        /// Which object.
        name: ObjectName,
        /// Which slots are missing, and why.
        missing: Missing,
    },
    /// The bytes are not those that were stored.
    #[error(
        "{0} came back with another BLAKE3 hash than it was stored with, although every chunk of it opened; do not use what came"
    )]
    WrongHash(ObjectName),
    /// Other machines keep changing the backup.
    #[error("the backup was changed by another machine {0} times in a row; try again later")]
    BackupContended(u32),
    /// The backup in the market cannot be read.
    #[error("the backup in the market is not base64url: {0}")]
    BackupText(String),
    /// The catalogue is larger than a backup may be.
    #[error("the sealed catalogue has {0}, more than the market takes as a backup")]
    BackupTooLarge(Bytes),
    /// The work was stopped from outside.
    #[error("stopped before it was done; run the command again to go on")]
    Stopped,
}
