package connector

import (
	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// owner is what a sink knows of its target's progress, to find out whether somebody
// else writes it, too: another server with a copy of the folder. To take over from
// each other in turn would write each record twice, since each of them has epochs of
// its own; so the one that finds the target ahead of what it has asked for stops.
type owner struct {
	known bool
	at    progress
	tried *progress // its outcome is not known
}

// tries notes a write that is about to be made, is that it has been.
func (o *owner) tries(to progress) { o.tried = &to }
func (o *owner) is(at progress)    { *o = owner{known: true, at: at} }

// finds takes in what a target says of its progress, begun being the newest epoch
// that the engine had when it was opened.
func (o *owner) finds(def *SinkDef, at progress, begun exec.Epoch) error {
	was := *o
	*o = owner{known: true, at: at}
	var err error
	switch {
	case at.none || was.tried != nil && at == *was.tried || was.known && !was.at.none && at.epoch <= was.at.epoch:
		return nil
	case !was.known && at.epoch <= begun:
		return nil
	case was.known:
		err = sqlerr.New(sqlerr.ObjectInUse, "the sink was taken over: somebody else has written to %s in its name", def.target()).
			WithHint("Does another server run with a copy of this one's folder? Stop it; RESUME goes on behind what it has written.")
	default:
		*o = owner{}
		err = sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "this folder is older than what the sink has written to %s", def.target()).
			WithHint("It has been copied or restored, and another server has gone on since. DROP SINK and CREATE SINK begin anew.")
	}
	return &halt{Failed, err}
}

// target names where the sink writes.
func (d *SinkDef) target() string {
	if d.Into != 0 {
		return "its relation"
	}
	return "topic \"" + d.Topic + "\""
}
