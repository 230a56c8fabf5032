/* Reports of the public: those of a case, those of the hotline, and who sent one. */
import { query, request } from "../api/client";
import type { InformantOut, JoinBody, PageReportOut, ReceiptOut, ReportBody, ReportOut } from "../api/types";
import { named } from "./actions";

export async function reportsOf(caseNumber: string): Promise<ReportOut[]> {
  return (await request<PageReportOut>("GET", `/reports${query({ case: caseNumber, limit: 50 })}`).catch(() => null))?.items ?? [];
}

/** Throws ApiError, whose text names the field that is at fault. */
export const addReport = (body: ReportBody): Promise<ReceiptOut> => request<ReceiptOut>("POST", "/reports", { ...named(), ...body });

/** Throws ApiError. */
export const joinReport = (number: string, body: JoinBody): Promise<ReportOut> => request<ReportOut>("POST", `/reports/${number}/case`, { ...named(), ...body });

/** Each look is an entry of the audit trail. Throws ApiError. */
export const lookAtInformant = (number: string, reason: string): Promise<InformantOut> =>
  request<InformantOut>("POST", `/reports/${number}/informant/look`, { reason });
