package ast

import (
	"slices"
	"strings"
)

// KeywordClass says where a word may be used as a name (PostgreSQL 15's four
// classes). Words that only mean something by look-ahead are Unreserved.
type KeywordClass uint8

// The classes.
const (
	Unreserved   KeywordClass = iota
	ColName                   // not as a function or type name
	TypeFuncName              // as a function or type name only
	Reserved
)

const reservedWords = `all analyse analyze and any array as asc asymmetric both case cast check
collate column constraint create current_catalog current_date current_role current_time
current_timestamp current_user default deferrable desc distinct do else end except false fetch for
foreign from grant group having in initially intersect into lateral leading limit localtime
localtimestamp not null offset on only or order placing primary references returning select
session_user some symmetric table then to trailing true union unique user using variadic when where
window with`

const typeFuncWords = `authorization binary collation concurrently cross current_schema freeze full
ilike inner is isnull join left like natural notnull outer overlaps right similar tablesample
verbose`

const colNameWords = `between bigint bit boolean char character coalesce dec decimal exists extract
float greatest grouping inout int integer interval least national nchar none normalize nullif
numeric out overlay position precision real row setof smallint substring time timestamp treat trim
values varchar xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi
xmlroot xmlserialize xmltable`

// asLabelWords cannot be a column label without AS.
const asLabelWords = `array as char character create day except fetch filter for from grant group
having hour intersect into isnull limit minute month notnull offset on order over overlaps
precision returning second to union varying where window with within without year`

// commonWords are interned by the lexer, so that upper-case spellings of
// them cost no allocation; the list has no meaning beyond that.
const commonWords = `insert update delete values set begin commit rollback start transaction view
materialized stream if exists key by show explain drop alter add type index int bigint text
copy stdin stdout format csv declare cursor fetch close first last next rows row row_number over
partition count sum min max avg coalesce emit changes final subscribe of system event time of
interval tumble hop watermark at zone public pg_catalog information_schema lower upper now`

// Keyword is what the lexer knows about a word.
type Keyword struct {
	Text    string
	Class   KeywordClass
	AsLabel bool
}

var keywords = makeKeywords()

func makeKeywords() map[string]Keyword {
	m := map[string]Keyword{}
	for _, w := range strings.Fields(commonWords + " " + asLabelWords) {
		m[w] = Keyword{Text: w}
	}
	for class, words := range map[KeywordClass]string{
		Reserved: reservedWords, TypeFuncName: typeFuncWords, ColName: colNameWords,
	} {
		for _, w := range strings.Fields(words) {
			m[w] = Keyword{Text: w, Class: class}
		}
	}
	for _, w := range strings.Fields(asLabelWords) {
		k := m[w]
		k.AsLabel = true
		m[w] = k
	}
	return m
}

// ClassedWords are the words that are not free for every use, sorted.
func ClassedWords() []string {
	words := strings.Fields(reservedWords + " " + typeFuncWords + " " + colNameWords)
	slices.Sort(words)
	return words
}

// Class is the class of a lower-case word.
func Class(word string) KeywordClass { return keywords[word].Class }

// BareLabel reports whether a word can be a column label without AS.
func BareLabel(word string) bool { return !keywords[word].AsLabel }

// LookupKeyword finds a lower-case word without allocating; ok is false for a
// word without a meaning to the lexer.
func LookupKeyword(lower []byte) (k Keyword, ok bool) {
	k, ok = keywords[string(lower)]
	return k, ok
}

// QuoteIdent returns name as an identifier, quoted where needed: PostgreSQL's
// quote_identifier.
func QuoteIdent(name string) string {
	safe := name != "" && (name[0] == '_' || name[0] >= 'a' && name[0] <= 'z')
	for i := 0; safe && i < len(name); i++ {
		c := name[i]
		safe = c == '_' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
	}
	if safe && keywords[name].Class == Unreserved {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// QuoteString returns s as a string constant.
func QuoteString(s string) string {
	q := strings.ReplaceAll(s, "'", "''")
	if strings.ContainsRune(s, '\\') {
		return "E'" + strings.ReplaceAll(q, `\`, `\\`) + "'"
	}
	return "'" + q + "'"
}
