//! `bondstore`: the whole market in one binary. One file per command; what they do lives in the packages.

mod account;
mod arguments;
mod auditor;
mod cashier;
mod chain;
mod client;
mod coins;
mod contract;
mod demo;
mod folder;
mod founding;
mod get;
mod invoice;
mod journal;
mod log;
mod ls;
mod market;
mod node;
mod output;
mod party;
mod prices;
mod pricing;
mod provider;
mod put;
mod quote;
mod receipt;
mod rm;
mod runtime;
mod session;
mod settings;
mod settlement;
mod share;
mod sim;
mod stat;
mod statement;
mod terms;
mod treasury;
mod verify;
mod wish;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use log::LogFormat;
use output::Output;
use std::path::PathBuf;
use std::process::ExitCode;

/// Many threads make and drop small things here: ADR 28.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A storage marketplace in which every promise is bonded.
#[derive(Parser)]
#[command(name = "bondstore", version, max_term_width = 100)]
struct Cli {
    /// Print one JSON value instead of text.
    #[arg(long, global = true)]
    json: bool,
    /// A file with settings, in TOML: sections `[market]`, `[provider]`, `[client]`, `[auditor]`, `[cashier]`, `[coins]`, keys as the flags are called.
    #[arg(long, global = true, env = "BONDSTORE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// How the log on standard error is written.
    #[arg(long, global = true, env = "BONDSTORE_LOG_FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a whole market on this machine and store FILE in it: quote, audits, a killed provider, repair, settlement.
    Demo(demo::Demo),
    /// Run a market, or do what its operator does.
    #[command(subcommand)]
    Market(market::Market),
    /// Set up or run a provider node.
    #[command(subcommand)]
    Provider(provider::Provider),
    /// Hold a market's coins: deposits and withdrawals on Bitcoin.
    #[command(subcommand)]
    Cashier(cashier::CashierCommand),
    /// Keep a party's own coins, and its escrows on Bitcoin.
    #[command(subcommand)]
    Coins(coins::CoinsCommand),
    /// Measure providers as an independent auditor.
    #[command(subcommand)]
    Auditor(auditor::Auditor),
    /// Run a Bitcoin chain for development.
    #[command(subcommand)]
    Chain(chain::ChainCommand),
    /// Set up a client, or bring one back from its words.
    #[command(subcommand)]
    Client(client::ClientCommand),
    /// Ask what storing so much would cost, and who would keep it.
    Quote(quote::Quote),
    Prices(prices::Prices),
    /// Store a file under a bonded contract.
    Put(put::Put),
    /// Fetch an object.
    Get(get::Get),
    /// List objects.
    Ls(ls::Ls),
    /// Remove an object.
    Rm(rm::Rm),
    /// Let another party read an object, or all whose names begin alike, or write such in a contract of its own.
    Share(share::Share),
    /// List what is shared: by you, and with you.
    Shares(share::Shares),
    /// Take a share back.
    Unshare(share::Unshare),
    /// Show an object, its contract and who keeps it.
    Stat(stat::Stat),
    /// List or show contracts.
    #[command(subcommand)]
    Contract(contract::Contract),
    /// Show, fill or empty the account.
    #[command(subcommand)]
    Account(account::Account),
    /// Sign a session for programs that speak to the market's API.
    Session(session::Session),
    Statement(statement::StatementCommand),
    Invoice(invoice::InvoiceCommand),
    Receipt(receipt::Receipt),
    Verify(verify::Verify),
    /// Write out or check a market's journal.
    #[command(subcommand)]
    Journal(journal::Journal),
    /// Attack the market's rules with simulated agents, or check the simulator itself.
    #[command(subcommand)]
    Sim(sim::Sim),
}

fn main() -> ExitCode {
    let cli = match read() {
        Ok(cli) => cli,
        Err(error) => return misread(&error),
    };
    log::begin(cli.log_format);
    if !matches!(cli.command, Command::Sim(_)) {
        network::server::forgo_huge_pages();
    }
    let output = Output::new(cli.json);
    let done = match cli.command {
        Command::Demo(demo) => runtime::run(demo.run(&output)),
        Command::Market(market) => runtime::run(market.run(&output)),
        Command::Provider(provider) => runtime::run(provider.run(&output)),
        Command::Cashier(cashier) => runtime::run(cashier.run(&output)),
        Command::Coins(coins) => runtime::run(coins.run(&output)),
        Command::Auditor(auditor) => runtime::run(auditor.run(&output)),
        Command::Chain(chain) => runtime::run(chain.run(&output)),
        Command::Client(client) => runtime::run(client.run(&output)),
        Command::Quote(quote) => runtime::run(quote.run(&output)),
        Command::Prices(prices) => runtime::run(prices.run(&output)),
        Command::Put(put) => runtime::run(put.run(&output)),
        Command::Get(get) => runtime::run(get.run(&output)),
        Command::Ls(ls) => runtime::run(ls.run(&output)),
        Command::Rm(rm) => runtime::run(rm.run(&output)),
        Command::Share(share) => runtime::run(share.run(&output)),
        Command::Shares(shares) => runtime::run(shares.run(&output)),
        Command::Unshare(unshare) => runtime::run(unshare.run(&output)),
        Command::Stat(stat) => runtime::run(stat.run(&output)),
        Command::Contract(contract) => runtime::run(contract.run(&output)),
        Command::Account(account) => runtime::run(account.run(&output)),
        Command::Session(session) => runtime::run(session.run(&output)),
        Command::Statement(statement) => runtime::run(statement.run(&output)),
        Command::Invoice(invoice) => runtime::run(invoice.run(&output)),
        Command::Receipt(receipt) => runtime::run(receipt.run(&output)),
        Command::Verify(verify) => verify.run(&output),
        Command::Journal(journal) => journal.run(&output),
        Command::Sim(sim) => sim.run(&output),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::FAILURE
        }
    }
}

/// The command line, over what file and environment say.
fn read() -> Result<Cli, clap::Error> {
    let command = settings::layered(Cli::command(), &words())
        .map_err(|faults| Cli::command().error(ErrorKind::InvalidValue, faults))?;
    Cli::from_arg_matches(&command.try_get_matches()?)
}

/// The command line's words, as far as they are text.
fn words() -> Vec<String> {
    std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// Help and version are printed as they are; anything else is a complaint like every other.
fn misread(error: &clap::Error) -> ExitCode {
    if !error.use_stderr()
        || error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    {
        error.exit();
    }
    let json = std::env::args_os().any(|argument| argument == "--json");
    Output::new(json).error(&anyhow::anyhow!(arguments::complaint(error)));
    ExitCode::from(2)
}
