package cli

import (
	"errors"

	"carbonledger/tx"

	"github.com/spf13/cobra"
)

func newIssueCommand(g *globals) *cobra.Command {
	o := &tx.IssueAllowances{}
	var stage, table string
	cmd := &cobra.Command{
		Use:   "issue",
		Short: "Carry out an allocation that a province determined (registry, with the region)",
		Long: `Carry out an allocation by the document that determined it: pre, final (the whole
year's amount; what was pre-allocated is counted against it) or adjustment (adds, or
with a negative amount takes back). Two persons of the registry and the entity's
region sign (--cosign, or cosign on another machine). A document is good for one
issue of an instrument to a holder.`,
		Example: "  carbonledger issue --stage final --to plant --instrument CEA23 --tonnes 80_000 --document HB-2024-017 --table table.xlsx --cosign registry-2.key --cosign hubei.key" + asRegistry,
	}
	f := cmd.Flags()
	f.StringVar(&stage, "stage", "", stages.String())
	f.StringVar(&o.To, "to", "", "id of the entity that gets them, or of its region where the allocation is differentiated")
	f.StringVar(&o.Beneficiary, "beneficiary", "", "the entity for which its region gets them")
	f.StringVar(&o.Instrument, "instrument", "", "vintage, such as CEA23")
	f.Var(signedTonnesFlag{&o.Tonnes}, "tonnes", "whole tonnes; an adjustment may be negative: --tonnes=-200")
	f.StringVar(&o.Document, "document", "", "number of the document that determined the allocation")
	f.StringVar(&table, "table", "", "the platform's data table: its file, or its SHA-256 in hexadecimal")
	return g.verb(cmd, []string{"stage", "to", "instrument", "tonnes", "document", "table"}, func([]string) (op tx.Operation, err error) {
		if o.Stage, err = stages.parse("stage", stage); err != nil {
			return op, err
		}
		o.TableSha256, err = sha256Of(table)
		return tx.Operation{Operation: &tx.Operation_IssueAllowances{IssueAllowances: o}}, err
	})
}

func newReceivableRepayCommand(g *globals) *cobra.Command {
	o := &tx.RepayReceivable{}
	cmd := &cobra.Command{
		Use:     "repay",
		Short:   "Hand in units that were issued in excess and could not be taken back (holder)",
		Example: "  carbonledger receivable repay --instrument CEA23 --tonnes 200" + asParty("plant"),
	}
	f := cmd.Flags()
	f.StringVar(&o.Instrument, "instrument", "", "vintage, such as CEA23")
	f.Var(tonnesFlag{&o.Tonnes}, "tonnes", "whole tonnes")
	return g.verb(cmd, []string{"instrument", "tonnes"}, func([]string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_RepayReceivable{RepayReceivable: o}}, nil
	})
}

func newVerificationRecordCommand(g *globals) *cobra.Command {
	o := &tx.RecordVerification{}
	var report string
	cmd := &cobra.Command{
		Use:     "record",
		Short:   "Record an entity's verified emissions of a year (verification body)",
		Long:    "Record an entity's verified emissions of a year. A later record takes the place of an earlier one until the year is closed.",
		Example: "  carbonledger verification record --entity plant --year 2023 --tonnes 85,000 --report report.pdf" + asParty("verifier"),
	}
	f := cmd.Flags()
	f.StringVar(&o.Entity, "entity", "", "id of the entity")
	f.Var(yearFlag{&o.Year}, "year", "year of the emissions")
	f.Var(tonnesFlag{&o.Tonnes}, "tonnes", "whole tonnes")
	f.StringVar(&report, "report", "", "the verification report: its file, or its SHA-256 in hexadecimal")
	return g.verb(cmd, []string{"entity", "year", "tonnes", "report"}, func([]string) (op tx.Operation, err error) {
		o.ReportSha256, err = sha256Of(report)
		return tx.Operation{Operation: &tx.Operation_RecordVerification{RecordVerification: o}}, err
	})
}

func newObligationSetCommand(g *globals) *cobra.Command {
	o := &tx.SetObligation{}
	cmd := &cobra.Command{
		Use:     "set",
		Short:   "Set an entity's verified emissions of a year, which it must cover (its region)",
		Example: "  carbonledger obligation set --entity plant --year 2023 --tonnes 85,000" + asParty("hubei"),
	}
	f := cmd.Flags()
	f.StringVar(&o.Entity, "entity", "", "id of the entity")
	f.Var(yearFlag{&o.Year}, "year", "obligation year")
	f.Var(tonnesFlag{&o.Tonnes}, "tonnes", "whole tonnes, as the verification body recorded them")
	return g.verb(cmd, []string{"entity", "year", "tonnes"}, func([]string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_SetObligation{SetObligation: o}}, nil
	})
}

func newDeductionRecordCommand(g *globals) *cobra.Command {
	o := &tx.RecordDeduction{}
	cmd := &cobra.Command{
		Use:     "record",
		Short:   "Take what an entity did not surrender from its next year's final allocation (its region)",
		Example: "  carbonledger deduction record --entity plant --year 2023 --document HB-2025-004 --cosign hubei-2.key" + asParty("hubei"),
	}
	f := cmd.Flags()
	f.StringVar(&o.Entity, "entity", "", "id of the entity")
	f.Var(yearFlag{&o.Year}, "year", "the closed year that is incomplete")
	f.StringVar(&o.Document, "document", "", "number of the decision")
	return g.verb(cmd, []string{"entity", "year", "document"}, func([]string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_RecordDeduction{RecordDeduction: o}}, nil
	})
}

const applicationUsage = "the party's own number of the application, never used before"

func newSurrenderCommand(g *globals) *cobra.Command {
	o := &tx.Surrender{}
	cmd := &cobra.Command{
		Use:   "surrender",
		Short: "Apply to surrender allowances for an obligation year (entity)",
		Long: `Apply to hand allowances of the asking entity in for its obligation of a year. They
are pending until the province decides; approved, they never come back. A later
vintage cannot cover an earlier year. Units come from the registry holding.`,
		Example: "  carbonledger surrender --instrument CEA22 --tonnes 85,000 --year 2023 --application S-1" + asParty("plant"),
	}
	f := cmd.Flags()
	f.StringVar(&o.Instrument, "instrument", "", "vintage, such as CEA22")
	f.Var(tonnesFlag{&o.Tonnes}, "tonnes", "whole tonnes")
	f.Var(yearFlag{&o.Year}, "year", "obligation year")
	f.StringVar(&o.Application, "application", "", applicationUsage)
	return g.verb(cmd, []string{"instrument", "tonnes", "year", "application"}, func([]string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_Surrender{Surrender: o}}, nil
	})
}

func newSurrenderOnBehalfCommand(g *globals) *cobra.Command {
	o := &tx.SurrenderOnBehalf{}
	cmd := &cobra.Command{
		Use:     "surrender-on-behalf",
		Short:   "Apply to surrender one's own allowances for another entity's obligation (entity)",
		Long:    "Apply to hand the asking entity's allowances in for another entity's obligation: no trade, no price. The beneficiary's region decides.",
		Example: "  carbonledger surrender-on-behalf --beneficiary mill --instrument CEA22 --tonnes 1,000 --year 2023 --application H-1" + asParty("plant"),
	}
	f := cmd.Flags()
	f.StringVar(&o.Beneficiary, "beneficiary", "", "id of the entity whose obligation it is")
	f.StringVar(&o.Instrument, "instrument", "", "vintage, such as CEA22")
	f.Var(tonnesFlag{&o.Tonnes}, "tonnes", "whole tonnes")
	f.Var(yearFlag{&o.Year}, "year", "obligation year")
	f.StringVar(&o.Application, "application", "", applicationUsage)
	return g.verb(cmd, []string{"beneficiary", "instrument", "tonnes", "year", "application"}, func([]string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_SurrenderOnBehalf{SurrenderOnBehalf: o}}, nil
	})
}

func newApplicationDecideCommand(g *globals) *cobra.Command {
	o := &tx.DecideApplication{}
	var approve, refuse bool
	cmd := &cobra.Command{
		Use:   "decide APPLICANT/NUMBER",
		Short: "Approve or refuse an application (region: surrenders; registry: cancellations, carry-over)",
		Long: `Approve or refuse an application. Surrenders are decided by the region of the entity
whose obligation it is, voluntary cancellations and carry-over by the registry. Two
persons sign: --cosign, or --prepare and approve.`,
		Example: "  carbonledger application decide plant/S-1 --approve --cosign hubei-2.key" + asParty("hubei"),
		Args:    cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	f.BoolVar(&approve, "approve", false, "approve it: its units are surrendered, cancelled or exchanged")
	f.BoolVar(&refuse, "refuse", false, "refuse it: its units return")
	return g.verb(cmd, nil, func(args []string) (op tx.Operation, err error) {
		if approve == refuse {
			return op, errors.New("give --approve or --refuse")
		}
		o.Approved = approve
		o.Applicant, o.Application, err = pairOf("the application", args[0])
		return tx.Operation{Operation: &tx.Operation_DecideApplication{DecideApplication: o}}, err
	})
}

func newApplicationWithdrawCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "withdraw NUMBER",
		Short:   "Take back an undecided application of the asking party",
		Example: "  carbonledger application withdraw S-1" + asParty("plant"),
		Args:    cobra.ExactArgs(1),
	}
	return g.verb(cmd, nil, func(args []string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_WithdrawApplication{WithdrawApplication: &tx.WithdrawApplication{Application: args[0]}}}, nil
	})
}

func newForceSurrenderCommand(g *globals) *cobra.Command {
	o := &tx.ForceSurrender{}
	cmd := &cobra.Command{
		Use:   "force-surrender",
		Short: "Surrender what an entity and its region have, up to what is due (registry, with the region)",
		Long: `Surrender what the region holds for an entity, then what the entity has, up to what
is due; what the region still holds is released to the entity. On the entrustment
that the region signs (--cosign).`,
		Example: "  carbonledger force-surrender --entity plant --year 2023 --document HB-2024-99 --cosign registry-2.key --cosign hubei.key" + asRegistry,
	}
	f := cmd.Flags()
	f.StringVar(&o.Entity, "entity", "", "id of the entity")
	f.Var(yearFlag{&o.Year}, "year", "obligation year")
	f.StringVar(&o.Document, "document", "", "number of the entrustment")
	return g.verb(cmd, []string{"entity", "year", "document"}, func([]string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_ForceSurrender{ForceSurrender: o}}, nil
	})
}

func newYearCloseCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "close YEAR",
		Short:   "Close an obligation year after its deadline (registry)",
		Long:    "Close an obligation year after its deadline: the standing of every entity becomes final. No application may wait for it.",
		Example: "  carbonledger year close 2023" + asRegistry,
		Args:    cobra.ExactArgs(1),
	}
	return g.verb(cmd, nil, func(args []string) (tx.Operation, error) {
		year, err := parseYear(args[0])
		return tx.Operation{Operation: &tx.Operation_CloseYear{CloseYear: &tx.CloseYear{Year: year}}}, err
	})
}
