"""What each KOL has earned, lost and been paid: the commission ledger, statements and invoices."""
