/* Photos and documents; `owner` is the path of an alert, a case or a report: `/alerts/…`, `/cases/…`, `/reports/…`. */
import { ApiError, headers, query, request } from "../api/client";
import type { Attachment, Problem } from "../api/types";
import { named } from "./actions";

/** Throws ApiError: 404 where this server keeps none of this owner. */
export const readAttachments = (owner: string): Promise<Attachment[]> => request<Attachment[]>("GET", `${owner}/attachments`);

/** Send a file as it is. `onProgress` gets percent. Throws ApiError, whose text says what is wrong with the file. */
export function attach(owner: string, file: File, onProgress: (percent: number) => void): Promise<Attachment> {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest(); // fetch tells nothing of how far an upload is
    sending.open("POST", `/api/v1${owner}/attachments${query({ name: file.name || "photo.jpg", ...named() })}`);
    for (const [name, value] of Object.entries(headers("POST"))) sending.setRequestHeader(name, value);
    sending.responseType = "json";
    sending.upload.onprogress = (event) => onProgress(event.total ? Math.round((100 * event.loaded) / event.total) : 0);
    sending.onload = () => {
      if (sending.status < 300) resolve(sending.response as Attachment);
      else reject(new ApiError(sending.status, (sending.response as Partial<Problem> | null)?.detail ?? String(sending.status)));
    };
    sending.onerror = () => reject(new ApiError(0, "-"));
    sending.send(file);
  });
}

/** Throws ApiError. */
export const removeAttachment = (owner: string, id: string, reason: string): Promise<Attachment> =>
  request<Attachment>("POST", `${owner}/attachments/${id}/remove`, { ...named(), reason });

/** The file or its thumbnail. A token of the settings is no cookie, so that no address alone would do. */
export async function attachmentBlob(owner: string, id: string, part: "" | "/thumbnail"): Promise<Blob> {
  const answer = await fetch(`/api/v1${owner}/attachments/${id}${part}`, { headers: headers() });
  if (answer.ok) return answer.blob();
  const problem = (await answer.json().catch(() => ({}))) as Partial<Problem>;
  throw new ApiError(answer.status, problem.detail ?? String(answer.status));
}
