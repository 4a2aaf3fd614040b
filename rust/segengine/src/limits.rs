//! Every bound of the engine, in one table.
//!
//! A bound that is not here does not exist: faces read these constants and document them from [`TABLE`].

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $value:expr, $unit:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: $type = $value;)+

        /// Name, value, unit and reason of every bound, in the order of this file.
        pub const TABLE: &[(&str, u64, &str, &str)] = &[$((stringify!($name), $name as u64, $unit, concat!($($doc),+))),+];
    };
}

limits! {
    /// Length of a slug: a DNS label.
    SLUG_BYTES: usize = 63, "bytes";
    /// Length of a display name in UTF-8.
    DISPLAY_NAME_BYTES: usize = 256, "bytes";
    /// Identifiers that one request may carry for one user.
    IDENTIFIERS_PER_REQUEST: usize = 16, "identifiers";
    /// Length of an identifier's value.
    IDENTIFIER_VALUE_BYTES: usize = 512, "bytes";
    /// Length of an identifier's scope.
    IDENTIFIER_SCOPE_BYTES: usize = 256, "bytes";
    /// Context segments that one request may add.
    CONTEXT_SEGMENTS_PER_REQUEST: usize = 64, "segments";
    /// Candidate adgroups of one request.
    CANDIDATES_PER_REQUEST: usize = 10_000, "adgroups";
    /// Users of one batch.
    USERS_PER_BATCH: usize = 65_536, "users";
    /// Depth of an expression: nothing recurses deeper than this.
    EXPRESSION_DEPTH: usize = 64, "levels";
    /// Segments named by one expression, each occurrence counted.
    EXPRESSION_LITERALS: usize = 4_096, "literals";
    /// Length of an expression's text.
    EXPRESSION_TEXT_BYTES: usize = 1 << 20, "bytes";
    /// Segments of one overlap.
    OVERLAP_SEGMENTS: usize = 8, "segments";
    /// Members of a component of links; one more makes it a shared device, which is dissolved.
    COMPONENT_IDENTIFIERS: usize = 50, "identifiers";
    /// Live segments that one profile may be in.
    SEGMENTS_PER_PROFILE: usize = 4_096, "segments";
    /// Identifiers of one data directory.
    IDENTIFIERS: u32 = u32::MAX - 1, "identifiers";
    /// Segments of one data directory.
    SEGMENTS: u32 = 1 << 24, "segments";
    /// Adgroups of one data directory.
    ADGROUPS: u32 = 1 << 24, "adgroups";
    /// Bytes of an uploaded customer file, as sent.
    UPLOAD_BYTES: u64 = 16 << 30, "bytes";
    /// Bytes of an uploaded customer file after inflating.
    UPLOAD_INFLATED_BYTES: u64 = 64 << 30, "bytes";
    /// Inflated bytes for each byte sent.
    UPLOAD_INFLATE_RATIO: u64 = 100, "times";
    /// Length of one line of a customer file.
    UPLOAD_LINE_BYTES: usize = 4_096, "bytes";
    /// Lines of a customer file.
    UPLOAD_LINES: u64 = 200_000_000, "lines";
    /// Time from the first byte of a customer file to its last.
    UPLOAD_SECONDS: u64 = 6 * 3_600, "seconds";
    /// Distinct valid lines below which a customer file is refused.
    UPLOAD_MINIMUM_DISTINCT: u64 = 50, "lines";
    /// Distinct valid lines below which delivery may be too low.
    UPLOAD_LOW_VOLUME: u64 = 50_000, "lines";
    /// Distinct valid lines from which delivery is as recommended.
    UPLOAD_RECOMMENDED_VOLUME: u64 = 250_000, "lines";
    /// Samples of invalid lines that a report keeps.
    REPORT_SAMPLES: usize = 50, "samples";
    /// Size below which an advertiser's key sees only that a set is small.
    MINIMUM_SHOWN_PROFILES: u64 = 50, "profiles";
    /// Days after which an identifier that was not seen is no longer addressable.
    RETENTION_DAYS: u16 = 180, "days";
    /// Entries of one page of a list.
    PAGE_SIZE: usize = 1_000, "entries";
    /// Pairs of identifiers that one call links or unlinks.
    LINK_PAIRS: usize = 16 << 20, "pairs";
    /// Adgroups of one bulk upsert.
    UPSERT_ADGROUPS: usize = 1_000_000, "adgroups";
    /// Bytes of a Match request.
    MATCH_MESSAGE_BYTES: usize = 64 << 10, "bytes";
    /// Bytes of any other request or of one chunk of a stream.
    MESSAGE_BYTES: usize = 4 << 20, "bytes";
    /// Bytes of one answer.
    ANSWER_BYTES: usize = 256 << 20, "bytes";
    /// Calls that a server has in flight at once; what is more is told to come again.
    CALLS_IN_FLIGHT: usize = 1_024, "calls";
    /// Streams that a server takes in at once: uploads, loads, links and upserts.
    STREAMS_IN: usize = 48, "streams";
    /// Silence within a stream that comes in over a socket.
    STREAM_SILENCE_SECONDS: u64 = 600, "seconds";
    /// Time for the answer to an impression, whatever the caller allows.
    MATCH_SECONDS: u64 = 10, "seconds";
    /// Time for the answer to any other single message, whatever the caller allows.
    CALL_SECONDS: u64 = 600, "seconds";
    /// Memberships from which records are checkpointed: fewer are made anew in the time that it takes to read them.
    CHECKPOINT_MEMBERSHIPS: u64 = 4_000_000, "memberships";
    /// Records are checkpointed once this part of all memberships was written into them: one in so many.
    CHECKPOINT_SHARE: u64 = 16, "memberships";
    /// Bytes of a serialized set of ids taken from outside.
    SET_BYTES: usize = 1 << 30, "bytes";
}
