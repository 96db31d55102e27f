package scenario

import "cmp"

// obligation is what the generator works with: what was published, else what
// is invented.
func (f *File) obligation() Obligation {
	p, i := f.Obligation, f.Invented.Obligation
	return Obligation{
		Year: cmp.Or(p.Year, i.Year), Deadline: cmp.Or(p.Deadline, i.Deadline), Entities: cmp.Or(p.Entities, i.Entities),
		Allocated: cmp.Or(p.Allocated, i.Allocated), Due: cmp.Or(p.Due, i.Due), Deficit: cmp.Or(p.Deficit, i.Deficit),
		DeficitPercent: cmp.Or(p.DeficitPercent, i.DeficitPercent), Offset: cmp.Or(p.Offset, i.Offset),
		OffsetEntities: cmp.Or(p.OffsetEntities, i.OffsetEntities), OffsetRegions: cmp.Or(p.OffsetRegions, i.OffsetRegions),
		CompletionPercent: cmp.Or(p.CompletionPercent, i.CompletionPercent), EntitiesIncomplete: cmp.Or(p.EntitiesIncomplete, i.EntitiesIncomplete),
		RegionsComplete: cmp.Or(p.RegionsComplete, i.RegionsComplete),
	}
}

// trading is the same for the market; ranges, peaks and closes are met by the
// path of the composite.
func (f *File) trading() Trading {
	p, i := f.Trading, f.Invented.Trading
	return Trading{
		Volume: cmp.Or(p.Volume, i.Volume), Listed: cmp.Or(p.Listed, i.Listed), Block: cmp.Or(p.Block, i.Block),
		Turnover: cmp.Or(p.Turnover, i.Turnover), FourthQuarterPercent: cmp.Or(p.FourthQuarterPercent, i.FourthQuarterPercent),
		EntitiesTrading: cmp.Or(p.EntitiesTrading, i.EntitiesTrading), PreviousYearClose: cmp.Or(p.PreviousYearClose, i.PreviousYearClose),
	}
}
