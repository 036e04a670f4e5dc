package arch_test

// phrases are words that were hard to read, each with plainer ones. A phrase is in this list only
// if it is never the right one. Text in quotation marks and backticks is not checked.
var phrases = []struct {
	pattern string
	write   string // what to write instead
}{
	// Old words.
	{`lest`, "so that … not"},
	{`thereby|thereof|therein|therefrom|thereupon|wherein|whereof|whereupon`, "by this, of it, in it, then"},
	{`hence|whence|henceforth`, "so, therefore, from which"},
	{`whoever|whosoever`, "everyone who, every connection that"},
	{`for ever`, "forever, without limit"},
	{`anew|afresh`, "again"},
	{`be it`, "whether … or"},
	{`in vain`, "without success"},
	{`in the place of`, "instead of"},
	{`on the spot`, "at once"},
	{`but for`, "except for"},
	{`mend(s|ed|ing)?`, "fix, repair"},
	{`not until .{3,60} (does|do|is|are)`, "… only after …"},

	// "For" in the meaning of "because", "who" for what is no person, missing subjects.
	{`, for (it|they|there|nobody|nothing|none|no one|whoever)`, "because"},
	{`(connection|socket|descriptor|error|handler|layer|listener|manager|message|packet|peer|` +
		`program|protocol|server|client|stream|timer|transport|other)s? who`, "that, which"},
	{`Who (asks|calls|does|gives|has|is|knows|needs|reads|says|takes|wants|writes)( [^?.]+)?\.`, "To …, or: a program that …"},
	{`(Is|Are) (asked|called|told|raised|set|used|made) (by|when|if|for)`, "a sentence with a subject"},
	{`Not \w+ (is|are) (the|a|what|that)`, "the subject first"},
	{`those of before|(those|that|what|the rest) of earlier|the (one|message|packet|event)s? of before`, "earlier …, … before"},
	{`of those (that|who|which)`, "of the connections that (name them)"},
	{`such as (are|do|have|is)`, "those that"},

	// Pictures.
	{`(hear|hears|heard|hearing) of`, "get the event, be told about"},
	{`(make|makes|made) of it`, "understand, do with it"},
	{`(has|have|had) (its|their|his) (say|turn)|ha(s|ve) the next turn`, "runs, is called, goes next"},
	{`(is|was|are|were|no) news`, "changed, is new"},
	{`go(es)? on with|went on with|going on with`, "continue"},
	{`g[ai]ves? (it |them |the \w+ |its \w+ |\w+ )?back|given back|giving back`, "return, release, free"},
	{`com(es?|ing) to an end|came to an end`, "end"},
	{`(look|looks|looked|looking) at (it |them )?(once more|again)|looks? (once more|again)`, "check again, catch up"},
	{`last words?`, "final bytes, data sent before the close"},
	{`farewells?`, "close handshake, Close frame, DISCONNECT"},
	{`heeds?|unheeded|unheard`, "read, handle; unhandled, undelivered"},
	{`(tells?|told) of`, "report, say that"},
	{`ends? in order`, "end without an error, close normally"},

	// Private names. The field has a word.
	{`bells?`, "wake-up descriptor"},
	{`deput(y|ies)`, "handshake goroutine"},
	{`hungry|hunger|sated`, "descriptor shortage"},
	{`borders?`, "(message, datagram) boundaries"},
	{`the world|worlds?`, "wire, environment, both sides"},
	{`patien(t|ce)`, "timeout"},
	{`redo(es|ne)?`, "redeliver"},
	{`(is|are|was|be) resting|(listener|it|that|which) rests`, "accept is suspended"},
	{`(connection|socket|listener|peer|client)'s (mail|letters)|(its|their|posted|the) (mail|letters)`, "posted work"},
}
