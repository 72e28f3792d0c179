export { type Options, type Setting } from "./context.js";
export { type Credentials, readCredentials } from "./credentials.js";
export { currentTenant, NoTenant, OtherTenant, runAs } from "./tenant.js";
export { type Claims, signSession, type SigningKey } from "./token.js";
