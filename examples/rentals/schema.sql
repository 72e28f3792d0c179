-- Rentals: equipment rental as a TypeScript team with an object mapper writes it. Names in mixed case, keys made by the
-- application (25 characters, no default), uniques as bare indexes. Every company is a tenant; below it are business units.

-- The application's login of today owns everything and is called after the database: rentals_app in database rentals. It
-- has no password here: whoever runs the demonstration gives it one.
DO $$
DECLARE
  app text := current_database() || '_app';
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = app) THEN
    EXECUTE format('CREATE ROLE %I LOGIN', app);
  END IF;
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    EXECUTE format('GRANT %I TO %I', app, current_user);
  END IF;
  EXECUTE format('GRANT CREATE, USAGE ON SCHEMA public TO %I', app);
  PERFORM set_config('role', app, false);
END $$;
SET search_path = public;

CREATE TYPE "EquipmentState" AS ENUM ('AVAILABLE', 'RENTED', 'IN_MAINTENANCE', 'RETIRED');
CREATE TYPE "ContractState" AS ENUM ('QUOTE', 'ACTIVE', 'RETURNED', 'CANCELLED');
CREATE TYPE "OrderState" AS ENUM ('PLANNED', 'OPEN', 'DONE');
CREATE TYPE "JobState" AS ENUM ('READY', 'RUNNING', 'DONE', 'FAILED');

CREATE TABLE "_app_migrations" (
  "id" varchar(36) PRIMARY KEY,
  "name" varchar(255) NOT NULL,
  "finishedAt" timestamptz
);

CREATE TABLE "Currency" (
  "code" char(3) PRIMARY KEY,
  "title" text NOT NULL,
  "digits" smallint NOT NULL DEFAULT 2
);

CREATE TABLE "Tenant" (
  "id" text PRIMARY KEY,
  "name" text NOT NULL,
  "subdomain" text NOT NULL,
  "currencyCode" char(3) NOT NULL DEFAULT 'EUR' REFERENCES "Currency" ("code"),
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX "Tenant_subdomain_key" ON "Tenant" ("subdomain");

CREATE TABLE "BusinessUnit" (
  "id" text PRIMARY KEY,
  "tenantId" text NOT NULL REFERENCES "Tenant" ("id") ON DELETE CASCADE,
  "name" text NOT NULL,
  "city" text
);
CREATE UNIQUE INDEX "BusinessUnit_tenantId_name_key" ON "BusinessUnit" ("tenantId", "name");

CREATE TABLE "User" (
  "id" text PRIMARY KEY,
  "tenantId" text NOT NULL REFERENCES "Tenant" ("id") ON DELETE CASCADE,
  "businessUnitId" text REFERENCES "BusinessUnit" ("id"),
  "email" text NOT NULL,
  "passwordHash" text NOT NULL,
  "role" text NOT NULL DEFAULT 'clerk',
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX "User_email_key" ON "User" ("email");
COMMENT ON COLUMN "User"."businessUnitId" IS 'NULL: works for the whole company';

CREATE TABLE "UserSession" (
  "id" text PRIMARY KEY,
  "userId" text NOT NULL REFERENCES "User" ("id") ON DELETE CASCADE,
  "tokenHash" text NOT NULL,
  "expiresAt" timestamp(3) NOT NULL
);
CREATE UNIQUE INDEX "UserSession_tokenHash_key" ON "UserSession" ("tokenHash");

CREATE TABLE "ApiKey" (
  "id" text PRIMARY KEY,
  "tenantId" text NOT NULL REFERENCES "Tenant" ("id") ON DELETE CASCADE,
  "keyHash" text NOT NULL,
  "label" text NOT NULL,
  "revokedAt" timestamp(3)
);
CREATE UNIQUE INDEX "ApiKey_keyHash_key" ON "ApiKey" ("keyHash");

CREATE TABLE "EquipmentCategory" (
  "id" text PRIMARY KEY,
  "tenantId" text NOT NULL REFERENCES "Tenant" ("id") ON DELETE CASCADE,
  "parentId" text REFERENCES "EquipmentCategory" ("id"),
  "name" text NOT NULL
);
CREATE UNIQUE INDEX "EquipmentCategory_tenantId_name_key" ON "EquipmentCategory" ("tenantId", "name");

CREATE TABLE "Equipment" (
  "id" text PRIMARY KEY,
  "tenantId" text NOT NULL REFERENCES "Tenant" ("id") ON DELETE CASCADE,
  "businessUnitId" text NOT NULL REFERENCES "BusinessUnit" ("id"),
  "categoryId" text NOT NULL REFERENCES "EquipmentCategory" ("id"),
  "serialNumber" text NOT NULL,
  "state" "EquipmentState" NOT NULL DEFAULT 'AVAILABLE',
  "dailyPrice" numeric(12, 2) NOT NULL,
  "attributes" jsonb,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" timestamp(3) NOT NULL
);
CREATE UNIQUE INDEX "Equipment_tenantId_serialNumber_key" ON "Equipment" ("tenantId", "serialNumber");
CREATE INDEX "Equipment_businessUnitId_idx" ON "Equipment" ("businessUnitId");

CREATE TABLE "EquipmentPhoto" (
  "id" text PRIMARY KEY,
  "equipmentId" text NOT NULL REFERENCES "Equipment" ("id") ON DELETE CASCADE,
  "url" text NOT NULL,
  "sort" integer NOT NULL DEFAULT 0
);
CREATE INDEX "EquipmentPhoto_equipmentId_idx" ON "EquipmentPhoto" ("equipmentId");

CREATE TABLE "Customer" (
  "id" text PRIMARY KEY,
  "tenantId" text NOT NULL REFERENCES "Tenant" ("id") ON DELETE CASCADE,
  "businessUnitId" text REFERENCES "BusinessUnit" ("id"),
  "name" text NOT NULL,
  "taxId" text,
  "email" text,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX "Customer_tenantId_taxId_key" ON "Customer" ("tenantId", "taxId");
COMMENT ON COLUMN "Customer"."businessUnitId" IS 'NULL: a customer of the whole company';

CREATE TABLE "Contract" (
  "id" text PRIMARY KEY,
  "tenantId" text NOT NULL REFERENCES "Tenant" ("id") ON DELETE CASCADE,
  "businessUnitId" text NOT NULL REFERENCES "BusinessUnit" ("id"),
  "customerId" text NOT NULL REFERENCES "Customer" ("id"),
  "number" integer NOT NULL,
  "state" "ContractState" NOT NULL DEFAULT 'QUOTE',
  "startsOn" date NOT NULL,
  "endsOn" date NOT NULL,
  "signedById" text REFERENCES "User" ("id") ON DELETE SET NULL,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" timestamp(3) NOT NULL,
  CONSTRAINT "Contract_dates_check" CHECK ("endsOn" >= "startsOn")
);
CREATE UNIQUE INDEX "Contract_tenantId_number_key" ON "Contract" ("tenantId", "number");
CREATE INDEX "Contract_customerId_idx" ON "Contract" ("customerId");

CREATE TABLE "ContractLine" (
  "contractId" text NOT NULL REFERENCES "Contract" ("id") ON DELETE CASCADE,
  "position" integer NOT NULL,
  "equipmentId" text NOT NULL REFERENCES "Equipment" ("id"),
  "dailyPrice" numeric(12, 2) NOT NULL,
  PRIMARY KEY ("contractId", "position")
);
CREATE INDEX "ContractLine_equipmentId_idx" ON "ContractLine" ("equipmentId");

CREATE TABLE "Invoice" (
  "id" text PRIMARY KEY,
  "tenantId" text NOT NULL REFERENCES "Tenant" ("id") ON DELETE CASCADE,
  "businessUnitId" text NOT NULL REFERENCES "BusinessUnit" ("id"),
  "contractId" text NOT NULL REFERENCES "Contract" ("id"),
  "number" text NOT NULL,
  "total" numeric(14, 2) NOT NULL,
  "issuedAt" timestamp(3) NOT NULL
);
CREATE UNIQUE INDEX "Invoice_number_key" ON "Invoice" ("number");
CREATE INDEX "Invoice_contractId_idx" ON "Invoice" ("contractId");

CREATE TABLE "Payment" (
  "id" text PRIMARY KEY,
  "invoiceId" text NOT NULL REFERENCES "Invoice" ("id"),
  "amount" numeric(14, 2) NOT NULL,
  "receivedAt" timestamp(3) NOT NULL
);
CREATE INDEX "Payment_invoiceId_idx" ON "Payment" ("invoiceId");

CREATE TABLE "MaintenancePlan" (
  "id" text PRIMARY KEY,
  "tenantId" text NOT NULL REFERENCES "Tenant" ("id") ON DELETE CASCADE,
  "categoryId" text NOT NULL REFERENCES "EquipmentCategory" ("id"),
  "everyDays" integer NOT NULL,
  "title" text NOT NULL
);

CREATE TABLE "MaintenanceOrder" (
  "id" text PRIMARY KEY,
  "tenantId" text NOT NULL REFERENCES "Tenant" ("id") ON DELETE CASCADE,
  "businessUnitId" text NOT NULL REFERENCES "BusinessUnit" ("id"),
  "equipmentId" text NOT NULL REFERENCES "Equipment" ("id"),
  "planId" text REFERENCES "MaintenancePlan" ("id") ON DELETE SET NULL,
  "assigneeId" text REFERENCES "User" ("id") ON DELETE SET NULL,
  "state" "OrderState" NOT NULL DEFAULT 'PLANNED',
  "dueOn" date NOT NULL,
  "updatedAt" timestamp(3) NOT NULL
);
CREATE INDEX "MaintenanceOrder_equipmentId_idx" ON "MaintenanceOrder" ("equipmentId");

CREATE TABLE "MaintenancePart" (
  "id" text PRIMARY KEY,
  "orderId" text NOT NULL REFERENCES "MaintenanceOrder" ("id") ON DELETE CASCADE,
  "partNumber" text NOT NULL,
  "quantity" integer NOT NULL DEFAULT 1
);
CREATE INDEX "MaintenancePart_orderId_idx" ON "MaintenancePart" ("orderId");

-- Hangs on a contract, a customer or a machine, by name and id.
CREATE TABLE "Document" (
  "id" text PRIMARY KEY,
  "tenantId" text NOT NULL REFERENCES "Tenant" ("id") ON DELETE CASCADE,
  "ownerType" text NOT NULL,
  "ownerId" text NOT NULL,
  "fileName" text NOT NULL
);
CREATE INDEX "Document_ownerType_ownerId_idx" ON "Document" ("ownerType", "ownerId");

CREATE TABLE "WebhookEndpoint" (
  "id" text PRIMARY KEY,
  "tenantId" text NOT NULL REFERENCES "Tenant" ("id") ON DELETE CASCADE,
  "url" text NOT NULL,
  "secret" text NOT NULL,
  "topics" text[]
);

CREATE TABLE "WebhookDelivery" (
  "id" text PRIMARY KEY,
  "endpointId" text NOT NULL REFERENCES "WebhookEndpoint" ("id") ON DELETE CASCADE,
  "statusCode" integer,
  "sentAt" timestamp(3) NOT NULL
);
CREATE INDEX "WebhookDelivery_endpointId_idx" ON "WebhookDelivery" ("endpointId");

-- Work for the background workers of the installation. The tenant stands in the payload only.
CREATE TABLE "JobQueue" (
  "id" bigserial PRIMARY KEY,
  "queue" text NOT NULL,
  "payload" jsonb NOT NULL,
  "state" "JobState" NOT NULL DEFAULT 'READY',
  "runAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "attempts" integer NOT NULL DEFAULT 0
);
CREATE INDEX "JobQueue_ready_idx" ON "JobQueue" ("queue", "runAt") WHERE "state" = 'READY';

CREATE TABLE "AuditEntry" (
  "id" bigserial PRIMARY KEY,
  "tenantId" text NOT NULL,
  "userId" text,
  "action" text NOT NULL,
  "at" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX "AuditEntry_tenantId_at_idx" ON "AuditEntry" ("tenantId", "at" DESC);

INSERT INTO "_app_migrations" VALUES ('7a1e', '20260105_start', '2026-01-05 10:00+00'), ('91c2', '20260301_maintenance', '2026-03-01 10:00+00');
INSERT INTO "Currency" VALUES ('EUR', 'Euro', 2), ('USD', 'US dollar', 2), ('CLP', 'Chilean peso', 0);

RESET search_path;
RESET ROLE;
