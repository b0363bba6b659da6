//! A provider node as its market, its clients and its disk see it.

mod crash;
mod damage;

mod store;

mod support;
