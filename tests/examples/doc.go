// Package examples runs the pages of docs/examples and docs/sql as they stand:
// it takes the SQL blocks out of the Markdown, sends them to a server of its
// own, one per page, and compares what comes back with the block of text below. With -rewrite it
// writes what came back into the Markdown instead.
//
// The server's default Kafka cluster is one in the process of the test.
//
// It understands the little of psql that the pages use: \copy … from
// 'file' or from program 'gzip -dc file', \gset, and :'variable'. A block that
// is marked "varies" shows a result that depends on the time of day; it is run,
// not compared, and only -rewrite touches it.
package examples
