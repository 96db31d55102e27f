package state

import "carbonledger/tx"

func (x *exec) application(applicant, number string) (*cell, tx.Application) {
	var a tx.Application
	c := x.at(keyOf2(x.key(), rangeApplication, applicant, number))
	if c.exists() {
		decode(c.value, &a)
	}
	return c, a
}

// checkApplication: a number that the asker never used before.
func (x *exec) checkApplication(number string) *tx.Rejection {
	if !tx.ValidReference(number) {
		return about(tx.BadApplication, number)
	}
	if c, _ := x.application(x.asker.id, number); c.exists() {
		return about(tx.ApplicationExists, number)
	}
	return nil
}

// putApplication records an application of the asker; its units are pending until
// it is decided.
func (x *exec) putApplication(a *tx.Application) {
	a.Applicant, a.State, a.Submitted = x.asker.id, tx.ApplicationSubmitted, x.facts.day()
	x.shift(a.Applicant, a.Instrument, registryAvailable, pending, a.Tonnes)
	c, _ := x.application(a.Applicant, a.Application)
	x.setMessage(c, a)
}

// decideApplication approves or refuses (plan 国环规气候〔2024〕1号, annexes 5 and 6;
// Trial Measures, Art. 19).
func (x *exec) decideApplication(o *tx.DecideApplication) *tx.Rejection {
	c, a := x.application(o.Applicant, o.Application)
	name := o.Application + " of " + o.Applicant
	switch {
	case !c.exists():
		return about(tx.UnknownApplication, name)
	case a.State != tx.ApplicationSubmitted:
		return about(tx.ApplicationDecided, name)
	case !x.decides(&a):
		return about(tx.NotDecider, name)
	}
	if o.Approved && a.Kind == tx.CarryOverApplication {
		if n := x.checkExchange(&a); n != nil {
			return n
		}
	}
	// Past this point the application is decided.
	if a.Decided, a.State = x.facts.day(), tx.ApplicationRefused; o.Approved {
		a.State = tx.ApplicationApproved
	}
	a.Decider = x.asker.id
	x.finish(&a)
	x.setMessage(c, &a)
	return nil
}

// decides: surrenders are the region's of the entity whose obligation it is, all
// else the registry's.
func (x *exec) decides(a *tx.Application) bool {
	if a.Kind != tx.SurrenderApplication && a.Kind != tx.OnBehalfApplication {
		return x.asker.role == tx.Registry
	}
	e, ok := x.account(a.Beneficiary)
	return ok && e.region == x.asker.id
}

// withdrawApplication takes an undecided application of the asker back.
func (x *exec) withdrawApplication(o *tx.WithdrawApplication) *tx.Rejection {
	c, a := x.application(x.asker.id, o.Application)
	name := o.Application + " of " + x.asker.id
	switch {
	case !c.exists():
		return about(tx.UnknownApplication, name)
	case a.State != tx.ApplicationSubmitted:
		return about(tx.ApplicationDecided, name)
	}
	// Past this point the application is withdrawn.
	a.Decided, a.State = x.facts.day(), tx.ApplicationWithdrawn
	x.finish(&a)
	x.setMessage(c, &a)
	return nil
}

// finish carries an approved application out, and returns the units of another.
func (x *exec) finish(a *tx.Application) {
	approved := a.State == tx.ApplicationApproved
	switch a.Kind {
	case tx.SurrenderApplication, tx.OnBehalfApplication:
		x.finishSurrender(a, approved)
	case tx.CarryOverApplication:
		x.finishCarryOver(a, approved)
	case tx.CancellationApplication:
		x.finishCancellation(a, approved)
	}
	x.change(a.Applicant, a.Instrument, pending, -a.Tonnes)
	if !approved {
		x.change(a.Applicant, a.Instrument, registryAvailable, a.Tonnes)
	}
}

// mayLeave refuses what a restriction or a receivable of the asker keeps in its
// account.
func (x *exec) mayLeave() *tx.Rejection {
	if n := unrestricted(&x.asker, tx.NoUse); n != nil {
		return n
	}
	if x.hasReceivable(x.asker.id) {
		return about(tx.ReceivableOutstanding, x.asker.id)
	}
	return nil
}
