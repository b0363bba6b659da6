//! What agents do: each deed becomes the document that it is, signed by the party that it speaks for.

use super::{Happening, World, named};
use crate::agents::{Deed, Wish};
use crate::chance::Stream;
use crate::disks::Gone;
use crate::statistics;
use market::{Command, Event};
use types::documents::{Acceptance, Deposit, Quote, Request};
use types::{Did, Document, Msat, Timestamp, Verified};

impl World {
    /// Everybody acts, in an order that is drawn anew each epoch.
    pub(super) fn let_all_act(&mut self) {
        let mut order: Vec<u32> = (0..self.members.count()).collect();
        let epoch = self.market().epoch();
        self.seed.draws(Stream::Behaviour, u32::MAX, epoch.0).shuffle(&mut order);
        self.members.wake_for(epoch);
        for agent in order {
            let view = (self.desk.market(), &self.disks, self.now);
            let deeds = self.members.act(agent, epoch, view);
            self.perform_all(agent, deeds);
        }
    }

    pub(super) fn perform_all(&mut self, agent: u32, deeds: Vec<Deed>) {
        for deed in deeds {
            self.perform(agent, deed);
        }
    }

    fn perform(&mut self, agent: u32, deed: Deed) {
        match deed {
            Deed::Deposit(party, amount) => self.deposit(agent, party, amount),
            Deed::Withdraw(withdrawal) => {
                let amount = withdrawal.amount;
                let withdrawal = self.signed(agent, withdrawal);
                if self.submit(&Command::Withdraw(withdrawal)).is_some() {
                    self.members.take_out(agent, amount);
                }
            }
            Deed::Offer(ask, network) => self.offer(agent, *ask, network),
            Deed::Buy(wish) => self.buy(agent, &wish),
            Deed::Extend(extension) => self.hand_in(agent, extension, Command::Extend),
            Deed::Cancel(cancellation) => self.hand_in(agent, cancellation, Command::Cancel),
            Deed::Depart(departure) => self.hand_in(agent, departure, Command::Depart),
            Deed::Confess(confession) => self.hand_in(agent, confession, Command::Confess),
            Deed::TopUp(top_up) => self.hand_in(agent, top_up, Command::TopUp),
            Deed::Announce(notice) => self.hand_in(agent, notice, Command::Announce),
            Deed::Dispute(party, verdict, with) => self.dispute(agent, (party, verdict), with),
            Deed::Drop(party, slot, ppm) => {
                assert!(self.members.owns(agent, party), "agents have their own disks");
                let salt = self.salt(&party, &slot);
                self.disks.lose(&party, &slot, Gone::Part { ppm, salt });
                self.weigh(&party);
                self.watch.dropped(party, self.desk.market().epoch());
            }
            Deed::Spend(amount) => self.members.spend(agent, statistics::amount(amount.0)),
            Deed::Vanish(party) => {
                assert!(self.members.owns(agent, party), "agents take their own parties away");
                self.vanish(party);
            }
        }
    }

    /// A document of one of the agent's own parties, as verified.
    pub(super) fn signed<T: Document>(&mut self, agent: u32, document: T) -> Verified<T> {
        let signer = document.signer();
        self.members.count_document(agent);
        assert!(self.members.owns(agent, signer), "agents sign for their own parties: {}", T::TYP);
        Verified::simulated(document)
    }

    fn hand_in<T: Document>(
        &mut self,
        agent: u32,
        document: T,
        command: fn(Verified<T>) -> Command,
    ) {
        let document = self.signed(agent, document);
        // The market's refusal is counted at its desk.
        let _ = self.submit(&command(document));
    }

    fn deposit(&mut self, agent: u32, party: Did, amount: Msat) {
        assert!(self.members.owns(agent, party), "agents fund their own parties");
        // Named after the agent's own documents, so that one deposit more moves nobody else's luck.
        let reference = format!("deposit {agent} {}", self.members.count_document(agent));
        let market = self.market().genesis().market;
        let deposit = Deposit { market, party, amount, reference };
        if self.submit(&Command::Deposit(Verified::simulated(deposit))).is_some() {
            self.members.put_in(agent, amount);
        }
    }

    /// A provider's ask stands; with its first one its machines begin to age.
    fn offer(&mut self, agent: u32, ask: types::documents::Ask, network: String) {
        let (party, region) = (ask.provider, ask.region.clone());
        let ask = self.signed(agent, ask);
        if self.submit(&Command::PublishAsk { ask: ask.clone(), network }).is_none() {
            return;
        }
        self.reach.asks(&ask, self.members.group_of(agent));
        let known = self.members.party_mut(&party).expect("its document was signed");
        known.region = region;
        if known.away_until == Timestamp::default() && self.reach.insert(party) {
            self.plug_in(party);
        }
    }

    /// A request, the market's quote, and the client's acceptance where it takes that.
    fn buy(&mut self, agent: u32, wish: &Wish) {
        // Luck goes by who asks for the how-manieth time, so that one request more moves nobody else's.
        let nonce = self.members.count_document(agent);
        let request = Request { client: wish.client, terms: wish.terms.clone(), nonce };
        let request = self.signed(agent, request);
        // By the client's own count, so that what one client buys moves nothing for another.
        let purchase = self.members.next_purchase(agent);
        let seed = self.seed.draws(Stream::Demand, agent, purchase).seed();
        let Some(quote) = self.quoted(&request, seed) else { return };
        let view = (self.desk.market(), &self.disks, self.now);
        let (taken, deeds) =
            self.members.ask(agent, view, |agent, seat| agent.quoted(seat, &quote));
        self.perform_all(agent, deeds);
        if !taken {
            return self.watch.count("quotes.declined");
        }
        let quote = Verified::simulated(quote);
        let acceptance = Acceptance { client: wish.client, quote: quote.id() };
        let acceptance = self.signed(agent, acceptance);
        let contract = acceptance.id();
        self.wishes.insert(contract, wish.fill_permille);
        let prices: Vec<types::Price> = quote.slots.iter().map(|slot| slot.price).collect();
        if self.submit(&Command::Accept { acceptance, quote: Box::new(quote) }).is_none() {
            self.wishes.remove(&contract);
        } else {
            self.watch.paid(&prices);
        }
    }

    fn quoted(&mut self, request: &Verified<Request>, seed: [u8; 32]) -> Option<Quote> {
        match self.market().quote(self.now, request, seed, self.reach.all()) {
            Ok(quote) => Some(quote),
            Err(refusal) => {
                self.watch.count_of("quotes.refused", refusal.code());
                None
            }
        }
    }

    /// What an event means for the world itself.
    pub(super) fn follow(&mut self, event: &Event) {
        match event {
            Event::SlotConfirmed { slot, provider, .. } => {
                self.see_share(*slot, provider);
                self.fill_soon(slot.contract);
            }
            Event::Penalised { provider, slashed, .. } if self.settings.market.bondless => {
                if let Some(agent) = self.members.party(provider).map(|party| party.agent) {
                    self.members.refund(agent, *slashed);
                }
            }
            _ => {}
        }
    }

    /// Chooses which chunks of a slot are dropped: always the same ones, so that whoever drops more has dropped those too.
    fn salt(&self, party: &Did, slot: &market::event::SlotId) -> u64 {
        let number = self.members.party(party).map_or(0, |known| known.number);
        let (contract, _) = slot.contract.0.split_at(8);
        let contract = contract.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        let moment = contract.wrapping_add(u64::from(slot.slot));
        self.seed.draws(Stream::Failures, u32::MAX - number, moment).bits()
    }

    /// Counts anew what is on a party's disks.
    pub(super) fn weigh(&mut self, party: &Did) {
        self.members.keeps(party, self.disks.bytes(party));
    }

    /// Puts `what` on the wheel, so long after now.
    pub(super) fn soon(&mut self, after: types::Span, what: Happening) {
        self.wheel.put(self.now.after(after), what);
    }
}

/// The name of a challenge that nothing went wrong with, so that nobody ever looks at it.
pub(super) fn challenge_name(provider: &Did, epoch: types::Epoch, kind: u8) -> types::Hash {
    named("challenge", &[&provider.0, &epoch.0.to_le_bytes(), &[kind]])
}
