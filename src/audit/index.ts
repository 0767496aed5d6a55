export type { ChainHead } from '../base/chain.js'
export {
  type ArchivedFile,
  type ArchiveOptions,
  type ArchiveResult,
  archiveAudit,
  type LeftFile,
} from './archive.js'
export { type CopyAuditOptions, copyAudit } from './copy.js'
export { type ElasticsearchAuditOptions, elasticsearchAudit } from './elasticsearch.js'
export type { AuditTarget } from './files.js'
export { type FunctionAuditOptions, functionAudit } from './function.js'
export { type JsonlAuditOptions, jsonlAudit } from './jsonl.js'
export type { AuditKey } from './key.js'
export { type AuditedKey, keysInAudit } from './keys.js'
export { type AuditRecord, recordSchema } from './schema.js'
export type { AuditAction, AuditEvent, AuditSink } from './sink.js'
export { type LineStream, type StdoutAuditOptions, stdoutAudit } from './stdout.js'
export {
  type BadLine,
  type Problem,
  type VerifiedFile,
  type VerifyOptions,
  type VerifyResult,
  verifyAudit,
} from './verify.js'
