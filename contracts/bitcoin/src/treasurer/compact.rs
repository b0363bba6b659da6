//! The treasurer's file made anew: what has been said of each deal so far, in as few lines as it takes.

use super::record::{Deal, Record, Stage};
use super::{Treasurer, TreasurerError};

impl Treasurer {
    /// Makes the file anew where it has become long: of deals that are over the end stays, of others the last word.
    pub(super) fn compact(&mut self) -> Result<(), TreasurerError> {
        if self.log.bytes()? <= self.manner.log_bytes_max {
            return Ok(());
        }
        let (party, market) = (self.party, self.manner.market);
        let mut records = vec![Record::Opened { party, market }];
        records.extend(self.rules.iter().map(|rules| Record::Settles { info: rules.info.clone() }));
        records.extend(self.deals.iter().flat_map(|(number, deal)| lines(*number, deal)));
        let before = self.log.bytes()?;
        self.log.rewrite(&records)?;
        let after = self.log.bytes()?;
        tracing::info!(before, after, "the treasurer's file is made anew");
        Ok(())
    }
}

/// What is to be known of a deal.
fn lines(number: u32, Deal { about, stage }: &Deal) -> Vec<Record> {
    let about = about.clone();
    match stage {
        Stage::Talking(talk) => vec![Record::Begun { number, about, talk: talk.clone() }],
        Stage::Watching(watching) => {
            let (talk, progress) = (watching.talk.clone(), watching.noted.clone());
            vec![Record::Begun { number, about, talk }, Record::Progress { number, progress }]
        }
        Stage::Over(over) => vec![Record::Ended { number, about, over: over.clone() }],
    }
}
