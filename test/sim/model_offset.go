package sim

import (
	"carbonledger/tx"
)

func (m *model) offset(o *tx.BookOffset) verdict {
	c, known := m.cancellations[o.Cancellation]
	d, due := m.obligations[yearly{o.Entity, o.Year}]
	left := m.shareOf("offset.share", d.due) - d.offset
	switch {
	case !known:
		return refuse(tx.UnknownCancellation)
	case m.successor(c.owner) != o.Entity:
		return refuse(tx.NotOwner)
	case c.kind != tx.NationalOffset:
		return refuse(tx.NotForOffset)
	case c.booked:
		return refuse(tx.CancellationUsed)
	case !due:
		return refuse(tx.NoObligation)
	case m.closedYears[o.Year]:
		return refuse(tx.YearClosed)
	case c.old && m.today() > m.date("ccer.old.until", m.today()):
		return refuse(tx.ReductionTooOld)
	case c.tonnes > left:
		return refuse(tx.OffsetOverLimit, left, c.tonnes)
	case c.tonnes > d.left():
		return refuse(tx.SurrenderOverDue, d.left(), c.tonnes)
	}
	d.offset += c.tonnes
	set(m, m.obligations, yearly{o.Entity, o.Year}, d)
	c.booked = true
	set(m, m.cancellations, o.Cancellation, c)
	return fine
}
