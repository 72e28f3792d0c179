// A client of the gateway: every name leads to this machine, and only the authorities it was given are believed.

import { request } from "node:https";
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import { checkServerIdentity, type PeerCertificate } from "node:tls";

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Record<string, unknown>;
  /** Who issued the certificate that was shown. */
  issuer: string;
}

export class Browser {
  constructor(
    private readonly port: number,
    private readonly authorities: string[],
  ) {}

  /** Asks `https://host/path`. A certificate that does not fit is an error, as in any browser. */
  ask(host: string, path: string, headers: OutgoingHttpHeaders = {}, method = "GET", body?: unknown): Promise<Answer> {
    return new Promise((resolve, reject) => {
      let issuer = "";
      const sent = request(
        {
          host: "127.0.0.1",
          port: this.port,
          servername: host,
          ca: this.authorities,
          agent: false,
          checkServerIdentity: (_: string, shown: PeerCertificate) => {
            issuer = String(shown.issuer.CN ?? "");
            return checkServerIdentity(host, shown);
          },
          method,
          path,
          headers: { host, ...headers },
        },
        (answer) => {
          const parts: Buffer[] = [];
          answer.on("data", (part: Buffer) => parts.push(part));
          answer.on("error", reject);
          answer.on("end", () => {
            const text = Buffer.concat(parts).toString("utf8");
            const parsed = text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
            resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: parsed, issuer });
          });
        },
      );
      sent.on("error", reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}
