//! A list that owner and guest both write: what it says, what the owner's catalogue says, and which of it is there.
//!
//! What the contract's layout holds decides: an object whose segments are in it is there, one whose are not was removed
//! by one side or the other. So neither side needs to know what the other did.

use super::{Scope, ShareError, ShareKey};
use crate::catalogue::Catalogue;
use crate::keys::{Keys, NONCE_BYTES, WrappedKey};
use crate::name::ObjectName;
use crate::{ContractRecord, KeyError, ObjectRecord};
use std::collections::BTreeMap;

/// One grant to write, as its owner sees it.
#[derive(Clone, Copy, Debug)]
pub struct Joint<'a> {
    /// The owner's keys.
    pub keys: &'a Keys,
    /// The grant's.
    pub key: &'a ShareKey,
    /// What it covers.
    pub scope: &'a Scope,
    /// Its contract.
    pub contract: &'a ContractRecord,
}

/// What becomes of list and catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The list, where it must be written anew.
    pub list: Option<Catalogue>,
    /// What the guest has put and the catalogue does not have, its keys wrapped by the owner's.
    pub taken_in: Vec<ObjectRecord>,
    /// What the catalogue has and is not there any more.
    pub gone: Vec<ObjectRecord>,
}

impl Joint<'_> {
    /// Joins what the owner's catalogue `own` and the `list` say. `is_there` says whether the contract holds an object
    /// now; list and catalogue must have been read before that was known. `fresh` gives nonces.
    ///
    /// Where each has another object under one name, each keeps its own.
    ///
    /// # Errors
    /// Where an object's own key does not open. A guest's that does not is left in the list, and not taken in.
    pub fn join(
        &self,
        own: &Catalogue,
        list: &Catalogue,
        is_there: impl Fn(&ObjectRecord) -> bool,
        mut fresh: impl FnMut() -> [u8; NONCE_BYTES],
    ) -> Result<Joined, ShareError> {
        let (mut joined, mut taken_in, mut gone) = (list.clone(), Vec::new(), Vec::new());
        for object in own.live().filter(|object| self.is_for(object)) {
            if is_there(object) {
                let listed = list.object(&object.name);
                if !listed.is_some_and(|listed| self.is_for(listed) && is_there(listed)) {
                    let wrapped = self.wrapped_for_guest(object, fresh())?;
                    joined.put_object(ObjectRecord { wrapped, ..object.clone() });
                }
            } else {
                gone.push(object.clone());
            }
        }
        for object in list.live().filter(|object| self.is_for(object)) {
            if !is_there(object) {
                if joined.object(&object.name) == Some(object) {
                    joined.remove_object(&object.name);
                }
                continue;
            }
            let taken = own.object(&object.name).is_some_and(|own| !gone.contains(own));
            if !taken && let Ok(wrapped) = self.wrapped_for_owner(object, fresh()) {
                taken_in.push(ObjectRecord { wrapped, ..object.clone() });
            }
        }
        if joined != *list || !list.contracts.contains_key(&self.contract.id) {
            let paid = BTreeMap::new();
            joined.put_contract(ContractRecord { paid, ..self.contract.clone() });
        }
        let list = (joined != *list).then_some(joined);
        Ok(Joined { list, taken_in, gone })
    }

    /// Whether an object is what the grant is about. A guest may write anything into its list.
    fn is_for(&self, object: &ObjectRecord) -> bool {
        let ObjectName { bucket, name } = &object.name;
        object.contract == self.contract.id
            && self.scope.covers(&object.name)
            && ObjectName::in_bucket(bucket, name).is_ok()
            && object.layout.check().is_ok()
    }

    fn wrapped_for_guest(
        &self,
        object: &ObjectRecord,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<WrappedKey, KeyError> {
        let ObjectName { bucket, name } = &object.name;
        let key = self.keys.bucket(bucket).unwrap(name, &object.wrapped)?;
        Ok(self.key.bucket(bucket).wrap(name, &key, nonce))
    }

    fn wrapped_for_owner(
        &self,
        object: &ObjectRecord,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<WrappedKey, KeyError> {
        let ObjectName { bucket, name } = &object.name;
        let key = self.key.bucket(bucket).unwrap(name, &object.wrapped)?;
        Ok(self.keys.bucket(bucket).wrap(name, &key, nonce))
    }
}
