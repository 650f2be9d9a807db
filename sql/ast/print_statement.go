package ast

// statementNode is the switch over statements that are not queries.
func (p *printer) statementNode(s Statement) {
	switch n := s.(type) {
	case *Insert:
		p.insert(n)
	case *Update:
		p.update(n)
	case *Delete:
		p.delete(n)
	case *Merge:
		p.merge(n)
	case *Copy:
		p.copy(n)
	case *Truncate:
		p.truncate(n)
	case *CreateTable:
		p.createTable(n)
	case *CreateView:
		p.createView(n)
	case *CreateIndex:
		p.createIndex(n)
	case *CreateSchema:
		p.createSchema(n)
	case *CreateSequence:
		p.createSequence(n)
	case *CreateType:
		p.createType(n)
	case *CreateDatabase:
		p.opt("CREATE DATABASE", n.Name)
		p.wordOptions(n.Options, " =")
	case *CreateExtension:
		p.createExtension(n)
	case *CreateRole:
		p.createRole(n)
	case *Drop:
		p.drop(n)
	case *AlterTable:
		p.alterTable(n)
	case *Comment:
		p.comment(n)
	case *Grant:
		p.grant(n)
	case *Refresh:
		p.put("REFRESH MATERIALIZED VIEW")
		p.when(n.Concurrently, "CONCURRENTLY")
		p.name(n.Name)
		p.when(n.NoData, "WITH NO DATA")
	case *Unsupported:
		p.put(n.Text)
	default:
		p.sessionNode(s)
	}
}

func (p *printer) sessionNode(s Statement) {
	switch n := s.(type) {
	case *Begin:
		p.begin(n)
	case *Commit:
		p.put("COMMIT")
		p.when(n.Chain, "AND CHAIN")
	case *Rollback:
		p.rollback(n)
	case *Savepoint:
		p.opt("SAVEPOINT", n.Name)
	case *Release:
		p.opt("RELEASE SAVEPOINT", n.Name)
	case *TwoPhase:
		p.put(n.Verb)
		p.str(n.ID)
	case *SetTransaction:
		if n.Session {
			p.put("SET SESSION CHARACTERISTICS AS TRANSACTION")
		} else {
			p.put("SET TRANSACTION")
		}
		p.txModes(n.Modes)
	case *SetConstraints:
		p.setConstraints(n)
	case *Set:
		p.set(n)
	case *Reset:
		p.reset(n)
	case *Show:
		p.show(n)
	case *Discard:
		p.put("DISCARD", n.What)
	case *Prepare:
		p.prepare(n)
	case *Execute:
		p.execute(n)
	case *Deallocate:
		p.opt("DEALLOCATE", n.Name)
		p.when(n.Name == "", "DEALLOCATE ALL")
	case *Declare:
		p.declare(n)
	case *Fetch:
		p.fetch(n)
	case *Close:
		p.opt("CLOSE", n.Cursor)
		p.when(n.Cursor == "", "CLOSE ALL")
	case *Explain:
		p.explain(n)
	case *Listen:
		p.opt("LISTEN", n.Channel)
	case *Unlisten:
		p.opt("UNLISTEN", n.Channel)
		p.when(n.Channel == "", "UNLISTEN *")
	case *Notify:
		p.notify(n)
	case *LockTable:
		p.lockTable(n)
	case *Vacuum:
		p.vacuum(n)
	case *Maintain:
		p.maintain(n)
	case *Call:
		p.put("CALL")
		p.expr(n.Func)
	case *Do:
		p.do(n)
	default:
		p.streamNode(s)
	}
}

func (p *printer) streamNode(s Statement) {
	switch n := s.(type) {
	case *Subscribe:
		p.subscribe(n)
	case *CreateSink:
		p.createSink(n)
	case *CreateConnection:
		p.createConnection(n)
	case *CreateSubscription:
		p.createSubscription(n)
	case *Acknowledge:
		p.optName("ACKNOWLEDGE", n.Name)
		p.optExpr("UP TO", n.UpTo)
	case *Control:
		p.control(n)
	case *ShowObjects:
		p.showObjects(n)
	case *ShowCreate:
		p.put("SHOW CREATE", n.Kind)
		p.name(n.Name)
	case *Describe:
		p.describe(n)
	case *Print:
		p.printTopic(n)
	case *Flush:
		p.put(n.Verb)
	case *Define:
		p.define(n)
	case *RunScript:
		p.put("RUN SCRIPT")
		p.str(n.File)
	}
}
