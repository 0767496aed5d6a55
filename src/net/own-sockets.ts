import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

/**
 * How connections to a service are opened in a process whose `tls.connect` leads the services' names to the guard. It
 * is passed from function to function and never exported: code that is not passed it cannot get it.
 */
export interface OwnSockets {
  /** As `net.connect`, with the machine's own resolver. */
  connect(to: { readonly host: string; readonly port: number; readonly localAddress?: string | undefined }): Socket
  /** As `tls.connect` over a connected socket, with HTTP/1.1 and a certificate that is always verified. */
  secure(socket: Socket, options: { readonly servername: string; readonly ca?: readonly string[] | undefined }): TLSSocket
}
