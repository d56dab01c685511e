package kpi

// The KPIs that the views of the same names show, kpi_quote_book and kpi_directory_onboard. A host defines them under
// these names, and may change what else they say.
const (
	QuoteBookName        = "quote_book"
	DirectoryOnboardName = "directory_onboard"
)

// QuoteBook tells which share of the quotes that were sent, or accepted without, were accepted, by the day on which they
// were sent. Its events are quote_sent and quote_accepted, with the quote's number in the property quote_id.
func QuoteBook(zone string) KPI {
	return KPI{
		Name: QuoteBookName, Title: "Quote → book", Grain: Daily, Last: 30, Zone: zone,
		Conversion: &Conversion{
			Start: On("quote_sent", "quote_accepted"), Convert: On("quote_accepted"), Subject: "quote_id",
		},
	}
}

// DirectoryOnboard tells which share of the partners that were invited were onboarded within the window, by the week of
// the invitation. Its events are directory_invited and directory_onboarded, with the partner's id in the property
// partner_id.
func DirectoryOnboard(zone string, window Duration) KPI {
	return KPI{
		Name: DirectoryOnboardName, Title: "Invite → onboard", Grain: Weekly, Last: 13, Zone: zone,
		Conversion: &Conversion{
			Start: On("directory_invited"), Convert: On("directory_onboarded"), Subject: "partner_id", Window: window,
		},
	}
}
