-- A home on a file as whet left it before it had migrations (layout 2): an optimization of 40 calls on 60 tickets of
-- tests/end_to_end/tickets.py, an evaluation of 30 calls and an API key for "ci", then Connection.iterdump and the user_version. Never to be changed.
BEGIN TRANSACTION;
CREATE TABLE api_keys (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	scopes JSON NOT NULL, 
	created_at TEXT NOT NULL, 
	revoked_at TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (digest)
);
INSERT INTO "api_keys" VALUES('key-c4755658','ci','d6ec130460b0bea9f1e210a07ab2e5b684e51254f1b6cea351180bd368637086','["admin"]','2026-11-21T21:36:39.312+00:00',NULL);
CREATE TABLE batch_requests (
	"key" BLOB NOT NULL, 
	batch TEXT NOT NULL, 
	PRIMARY KEY ("key"), 
	FOREIGN KEY(batch) REFERENCES batches (id)
);
CREATE TABLE batches (
	id TEXT NOT NULL, 
	run TEXT NOT NULL, 
	mark BIGINT NOT NULL, 
	endpoint TEXT NOT NULL, 
	model TEXT NOT NULL, 
	batch_id TEXT, 
	begun_at_s FLOAT NOT NULL, 
	asked_at_s FLOAT, 
	PRIMARY KEY (id)
);
CREATE TABLE decisions (
	optimization TEXT NOT NULL, 
	point TEXT NOT NULL, 
	fact JSON NOT NULL, 
	PRIMARY KEY (optimization, point), 
	FOREIGN KEY(optimization) REFERENCES optimizations (id)
);
INSERT INTO "decisions" VALUES('opt-c5899c041c12','warm start','{"prompts": [], "data": [], "kept_out": {}}');
INSERT INTO "decisions" VALUES('opt-c5899c041c12','block 1 intent','{"calls": 4, "cells": "652e2af4b3282b78"}');
INSERT INTO "decisions" VALUES('opt-c5899c041c12','block 1','{"elapsed_s": 0.1292159549993812, "missing": {}}');
INSERT INTO "decisions" VALUES('opt-c5899c041c12','block 2 intent','{"calls": 4, "cells": "fe293eaaeaca265a"}');
INSERT INTO "decisions" VALUES('opt-c5899c041c12','block 2','{"elapsed_s": 0.21368022699607536, "missing": {}}');
INSERT INTO "decisions" VALUES('opt-c5899c041c12','block 3 intent','{"calls": 5, "cells": "74644880ea4151f8"}');
INSERT INTO "decisions" VALUES('opt-c5899c041c12','block 3','{"elapsed_s": 0.2660470089977025, "missing": {}}');
INSERT INTO "decisions" VALUES('opt-c5899c041c12','block 4 intent','{"calls": 6, "cells": "a682ef4cdc688b39"}');
INSERT INTO "decisions" VALUES('opt-c5899c041c12','block 4','{"elapsed_s": 0.29569134899793426, "missing": {}}');
INSERT INTO "decisions" VALUES('opt-c5899c041c12','block 5 intent','{"calls": 20, "cells": "2911a0f48d5629b6"}');
INSERT INTO "decisions" VALUES('opt-c5899c041c12','block 5','{"elapsed_s": 0.37837597299949266, "missing": {}}');
INSERT INTO "decisions" VALUES('opt-c5899c041c12','look','{"look": 1}');
CREATE TABLE idempotency_keys (
	owner TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	body_digest TEXT NOT NULL, 
	optimization TEXT, 
	created_at TEXT NOT NULL, 
	PRIMARY KEY (owner, "key")
);
CREATE TABLE label_moves (
	sequence INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	label TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	replaced INTEGER, 
	why TEXT NOT NULL, 
	moved_by TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	PRIMARY KEY (sequence)
);
INSERT INTO "label_moves" VALUES(1,'support-triage','production',1,NULL,'the first prompt of this name','opt-c5899c041c12','2026-11-21T21:36:33.815+00:00');
CREATE TABLE ledger (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	created_at INTEGER NOT NULL, 
	cost_usd FLOAT, 
	latency_s FLOAT NOT NULL, 
	project INTEGER NOT NULL, 
	epoch INTEGER NOT NULL, 
	endpoint INTEGER NOT NULL, 
	model INTEGER NOT NULL, 
	prompt_digest INTEGER NOT NULL, 
	example_id INTEGER NOT NULL, 
	repeat INTEGER NOT NULL, 
	prompt_tokens INTEGER NOT NULL, 
	completion_tokens INTEGER NOT NULL, 
	cached_tokens INTEGER NOT NULL, 
	lost_attempts INTEGER NOT NULL, 
	truncated BOOLEAN NOT NULL, 
	"key" BLOB NOT NULL, 
	failure TEXT, 
	text TEXT, 
	packed BLOB, 
	UNIQUE ("key")
);
INSERT INTO "ledger" VALUES(1,1795296993432,0.0,2.52569700387539342045e-03,4,1,6,5,3,2,0,45,2,0,0,0,X'A84EA4B76321CB06F5629B51055B9E0E164758E070246C3670D38BB1A968A074',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(2,1795296993436,0.0,2.94868699711514636874e-03,4,1,6,5,3,7,0,42,2,16,0,0,X'836586C6681D376287AF22A186F65699D601BC149BAFF88D251744CFD4F90FEF',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(3,1795296993436,0.0,2.87825200211955234408e-03,4,1,6,5,8,2,0,276,2,0,0,0,X'8F5C5920124D3F7C53F619982EE2A81B06B7DCA4019330E14C7981E06617FA58',NULL,'orders',NULL);
INSERT INTO "ledger" VALUES(4,1795296993443,0.0,1.35967669993988238275e-02,4,1,6,5,8,7,0,273,2,256,0,0,X'ABEFFF14D89A63254E422243CA9D678AE0C5014E5E4287F6BA26979E379EF4A5',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(5,1795296993526,0.0,2.93301830024574883282e-02,4,1,6,5,9,2,0,186,2,16,0,0,X'F9E211215F1B3DAD2DA551B245DFB545AD03D38ABA22F918C8181D927F8F1BA5',NULL,'orders',NULL);
INSERT INTO "ledger" VALUES(6,1795296993530,0.0,2.92503939999733120203e-02,4,1,6,5,11,2,0,47,2,16,0,0,X'43A4C0782F2D95B7DD4A71B10D8464B6C8005548A27FA0A3D96C8D775A2790DF',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(7,1795296993530,0.0,2.93353700035368092358e-02,4,1,6,5,10,2,0,192,2,0,0,0,X'5BAA07F6EC0AE5D09B6DD848994B312455A2811E63BF609B1933F4F22FC43818',NULL,'orders',NULL);
INSERT INTO "ledger" VALUES(8,1795296993530,0.0,2.93492210039403289556e-02,4,1,6,5,12,2,0,171,2,0,0,0,X'69E236EA9B938368A17538EF752E420E69DDC4788DAB5D952DA7A76B8C37A9FE',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(9,1795296993584,0.0,1.77452999923843890428e-03,4,1,6,5,8,13,0,276,2,256,0,0,X'01CEACFB2F1145C2F2334320B114AA065FB15AE9DBC99FEC82A6FB3FB2D24032',NULL,'refunds',NULL);
INSERT INTO "ledger" VALUES(10,1795296993586,0.0,2.65649200446205213665e-03,4,1,6,5,9,13,0,186,2,160,0,0,X'2EB7755F9FC09E6FB96C1129BDFC3C502DCAFEB9445EC60542E6F7602757B005',NULL,'refunds',NULL);
INSERT INTO "ledger" VALUES(11,1795296993586,0.0,2.65264700283296406269e-03,4,1,6,5,9,7,0,183,2,160,0,0,X'9949BA0492E47E8FF6320A21CBAE1AE63B498BEB9AA54C154CBF5CABEF3B52DD',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(12,1795296993586,0.0,2.62348300020676106214e-03,4,1,6,5,10,7,0,190,2,160,0,0,X'9DBFF07CA39E784E08F5D5EE0E267B64CBFE6341B09805B996A69CC6F87037B9',NULL,'orders',NULL);
INSERT INTO "ledger" VALUES(13,1795296993586,0.0,2.6178949992754496634e-03,4,1,6,5,10,13,0,192,2,160,0,0,X'F60784D987BB06BAC3CA12C6E383266F29AABF906A8F84FAD6702904AB181466',NULL,'refunds',NULL);
INSERT INTO "ledger" VALUES(14,1795296993609,0.0,7.14921500184573233127e-03,4,1,6,5,8,14,0,275,2,256,0,0,X'8C5A1C936B2BFBDE53874BA23C24CE438D3716FC8F2F16BED0DD5083E48DA02E',NULL,'refunds',NULL);
INSERT INTO "ledger" VALUES(15,1795296993615,0.0,8.68706299661425873637e-03,4,1,6,5,8,15,0,275,2,256,0,0,X'1ED56E1EBC354C6CECDC0206BCAFEA2C28C88C3FBB39B996219DDAD999C56B1D',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(16,1795296993615,0.0,8.71415300207445397973e-03,4,1,6,5,9,14,0,185,2,160,0,0,X'2BBB3395E99AB0960A25515BD1B7851BDE5A7C930F905E6CF4808116477128B7',NULL,'refunds',NULL);
INSERT INTO "ledger" VALUES(17,1795296993615,0.0,8.71890099369920790195e-03,4,1,6,5,9,16,0,185,2,160,0,0,X'406F5B435EF5599435FB1EF8C0DFBA6AEAB461AB4C53182ADF1C47244948821C',NULL,'orders',NULL);
INSERT INTO "ledger" VALUES(18,1795296993615,0.0,7.25911799963796511292e-03,4,1,6,5,8,16,0,275,2,256,0,0,X'597E386BD690C3598F19B576863F34DF857765B739CA2070D62592B3441E0445',NULL,'orders',NULL);
INSERT INTO "ledger" VALUES(19,1795296993615,0.0,8.71844000357668846845e-03,4,1,6,5,9,15,0,185,2,160,0,0,X'CC9C80271367D9F97B591F3CA7F92927584027EC6750FC8529852E97F096967D',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(20,1795296993696,0.0,4.22966719997930340468e-02,4,1,6,5,8,17,0,275,2,256,0,0,X'2886B0CCA7A9C61BC540D03BB101E323AECD62C6B5FE38B8493647A67B904B9F',NULL,'refunds',NULL);
INSERT INTO "ledger" VALUES(21,1795296993705,0.0,4.32234899999457411468e-02,4,1,6,5,3,20,0,44,2,16,0,0,X'0EADA93488C9FD74DA1669106556750D585535D83AFBFCA21FA4CBA2028C328E',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(22,1795296993705,0.0,4.33759869993082247674e-02,4,1,6,5,3,18,0,45,2,16,0,0,X'1E3997073B975EDCD51511E808A4A71F189F4CDD42C1DF02264A473A4AC944CC',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(23,1795296993705,0.0,4.31400960005703382194e-02,4,1,6,5,3,24,0,45,2,16,0,0,X'303179208548E4CF7A43BF3479B85BAF5C36C0B950B77CA8B898022C95BBB49A',NULL,'refunds',NULL);
INSERT INTO "ledger" VALUES(24,1795296993705,0.0,4.40732850038330070674e-02,4,1,6,5,8,24,0,276,2,256,0,0,X'6192ACEF3E6E798B875F96E49D7C7A3EFED808303957F079A1B368D5FFDB7242',NULL,'refunds',NULL);
INSERT INTO "ledger" VALUES(25,1795296993705,0.0,4.36409719986841082572e-02,4,1,6,5,8,26,0,275,2,256,0,0,X'6E9246EA98BE83A2C467FD4CFD07C6D26ECECF27B1656C6492AE4A6EF2014823',NULL,'orders',NULL);
INSERT INTO "ledger" VALUES(26,1795296993705,0.0,4.32676760028698481619e-02,4,1,6,5,3,19,0,45,2,16,0,0,X'887C3541ADC703EE4B1996D8AFF8A20EEB110DC3643DA76E958AEEC4848414EA',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(27,1795296993705,0.0,4.30396169977029785513e-02,4,1,6,5,3,25,0,44,2,16,0,0,X'935E8C1F150C0CB9A0C9415DB529A931BA5675E9D7BF03F766ABCBA665A70C81',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(28,1795296993705,0.0,4.40528640028787776827e-02,4,1,6,5,8,25,0,275,2,256,0,0,X'94C733350D7381B93164E73A0C84FCC0E2359931C3F834379571580E0A65FCEA',NULL,'orders',NULL);
INSERT INTO "ledger" VALUES(29,1795296993705,0.0,4.35997000022325664758e-02,4,1,6,5,8,22,0,275,2,256,0,0,X'A2317E96FC785C2020D414F9BD2566B3DBE5972A4AC1861D5230522172349684',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(30,1795296993705,0.0,4.37597990021458826959e-02,4,1,6,5,8,23,0,275,2,256,0,0,X'AAD92171342BF2E0695A7F5873FE35D1CB89C40235FFCFECF4628A679BAFB49E',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(31,1795296993705,0.0,4.24123129996587522327e-02,4,1,6,5,8,18,0,276,2,256,0,0,X'CD6DB5224E1A5588CE3904153E2C71FDC419C64C083CE4EEF872F6E5ACE734C0',NULL,'orders',NULL);
INSERT INTO "ledger" VALUES(32,1795296993705,0.0,4.39749580036732368171e-02,4,1,6,5,8,20,0,275,2,256,0,0,X'D2C7ABC5A025D06353EDB9F0DDA0CAAB849AC34047AFA1F4A69B2D79F9B303CB',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(33,1795296993705,0.0,4.39549790025921538472e-02,4,1,6,5,8,19,0,276,2,256,0,0,X'D8F847180BCFB3F8416F55F7D2A3CF461BD83786C06FB11E84877C37590E3D20',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(34,1795296993705,0.0,4.34944739972706884145e-02,4,1,6,5,3,17,0,44,2,16,0,0,X'EF837021E8B08E44DB177C330E53408E08481D649ABD2B71071973FBF0B953A6',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(35,1795296993705,0.0,4.40062749985372647643e-02,4,1,6,5,8,21,0,275,2,256,0,0,X'F2916E24CB3AC63ECB3B2DF4226B51C77BDB2AD8C83008C8AD0F423FDD58C45E',NULL,'refunds',NULL);
INSERT INTO "ledger" VALUES(36,1795296993709,0.0,0.00255942800140474,4,1,6,5,3,21,0,44,2,16,0,0,X'262FEB9FB397B5369017AA2467C2DCC7BED7B2B87BF8D77FAFA21659D4620D08',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(37,1795296993710,0.0,1.42927700653672218322e-03,4,1,6,5,3,22,0,44,2,16,0,0,X'0F3E8C9E3B9B42D93216F9A6E6B734A383BEA639371027244FE416FD2C0B1921',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(38,1795296993710,0.0,1.49997200060170143842e-03,4,1,6,5,3,26,0,44,2,16,0,0,X'C3F2598289B05FBE0B4B7CC843F6B20ACE567CCE758D55DDBC1E6C967FC5499A',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(39,1795296993710,0.0,1.74127000354928895831e-03,4,1,6,5,3,23,0,44,2,16,0,0,X'D7180A2E1306E04530EBD3EE4B507F07375ABE32519F6603F3247D396E850301',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(40,1795296997352,0.0,6.40945499617373570799e-03,4,1,6,5,3,13,0,45,2,16,0,0,X'B57BDA4B1E147DEFC0799ED6E9128FFD8F5CBBA805FD0C7CE90E03A432244E9C',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(41,1795296997357,0.0,0.00940011399507057,4,1,6,5,3,37,0,42,2,16,0,0,X'100EEE1DB642536A71471B0AFD91484635663941E3B415FAB0A5F1E92EBD4BEA',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(42,1795296997357,0.0,9.58830299350665882229e-03,4,1,6,5,3,34,0,43,2,16,0,0,X'339251EE961A65BD238A13FBB63A6E48A4EF9F26224493370FCE5DE348B8DBA9',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(43,1795296997357,0.0,9.4603129982715472579e-03,4,1,6,5,3,35,0,44,2,16,0,0,X'33930729C85D0C05A030AB2D8A91CFBF6D5579AD224C0435C872774E768DED5E',NULL,'refunds',NULL);
INSERT INTO "ledger" VALUES(44,1795296997357,0.0,9.04134099982911720871e-03,4,1,6,5,3,29,0,44,2,16,0,0,X'42CAEF894C4DE63388A464B86423D37F35689B9F16157E51E081D66EB495648B',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(45,1795296997357,0.0,9.41612799942959100008e-03,4,1,6,5,3,27,0,46,2,16,0,0,X'4C70EDF30896E7EE390D7AD2534006F388113E4993BB58B8E916A35226A799E5',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(46,1795296997357,0.0,0.00900468500185525,4,1,6,5,3,36,0,45,2,16,0,0,X'6292DD92F171FE8708134EA81A4640C32D5898588E527135512083F61A709137',NULL,'refunds',NULL);
INSERT INTO "ledger" VALUES(47,1795296997357,0.0,9.07304700376698747277e-03,4,1,6,5,3,32,0,44,2,16,0,0,X'68B32577A264DA95850B170AB884ADC9704E05BCBE464124C9ACF884F80389B6',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(48,1795296997357,0.0,0.00957709700014675,4,1,6,5,3,30,0,44,2,16,0,0,X'8EC4E9B3D428EB88B803E508C127796B2A2D9C59893D5FCF9097F9FC2FB0B0A8',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(49,1795296997357,0.0,8.97202699707122519612e-03,4,1,6,5,3,28,0,44,2,16,0,0,X'94DDA93C7903DCCB80BE788A553A1AF9E2E8AB1B3DF6D94CB34568EF0E022980',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(50,1795296997357,0.0,9.15452800109051167964e-03,4,1,6,5,3,33,0,44,2,16,0,0,X'9D6A503E6E3E316A01BD37D5DC1CF41E4E199C851B07B3207642C5AB0AF05D6E',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(51,1795296997357,0.0,9.35829200170701369643e-03,4,1,6,5,3,15,0,44,2,16,0,0,X'A663046D3D976CC42F1F06D6B2EC14BD0BDA7C2709DC714DF3C92D87AAB35AD0',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(52,1795296997357,0.0,8.9386469990131445229e-03,4,1,6,5,3,31,0,43,2,16,0,0,X'A75D6D4F7645284FAF20FE20E71F3FC0C4666DC223FB3FD8413C89D3BE7FA6B5',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(53,1795296997357,0.0,9.47516499581979587674e-03,4,1,6,5,3,38,0,46,2,16,0,0,X'CA5301F7703073C81D1703AC5961BD48767C61656E1C2A8750B5064EFEB60BA3',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(54,1795296997357,0.0,9.20558499637991189956e-03,4,1,6,5,3,14,0,44,2,16,0,0,X'DA52D85AF1CC5835F93380CC621B19EF25149DE365DC818ED76C6B4F0D61BE28',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(55,1795296997357,0.0,9.1147989951423369348e-03,4,1,6,5,3,16,0,44,2,16,0,0,X'F5A06DE0C892FDF9F1DE5F89ADB621A495BC742996777975E6165F1BFA63DDFE',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(56,1795296997409,0.0,4.7771837002073880285e-02,4,1,6,5,3,39,0,45,2,16,0,0,X'385A866F073059EF4F09365F34946DF8FC84E45C098F5387D5C592379E35F34B',NULL,'refunds',NULL);
INSERT INTO "ledger" VALUES(57,1795296997409,0.0,4.77833440018002875149e-02,4,1,6,5,3,43,0,45,2,16,0,0,X'A57CDF471E6AF1F16F057077AF8DA454B688BF5F9BB5A52333950DDA1832B7BE',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(58,1795296997409,0.0,4.78003789976355619728e-02,4,1,6,5,3,44,0,44,2,16,0,0,X'CADA89250E9C79386BBD9F3162A2257E00C00DA66184E2616C8333C05B54A397',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(59,1795296997409,0.0,4.79386649967636913061e-02,4,1,6,5,3,41,0,45,2,16,0,0,X'CDBA0391E1887AEED9ECD7D871297E335185ABE33504E1CFC710975EF9EAB4DF',NULL,'refunds',NULL);
INSERT INTO "ledger" VALUES(60,1795296997409,0.0,4.78267180005786940455e-02,4,1,6,5,3,42,0,46,2,16,0,0,X'FC2CB40BB514BE8703F793E5767310B8A75B6902D6CBE441004DF14F79851B10',NULL,'billing',NULL);
INSERT INTO "ledger" VALUES(61,1795296997409,0.0,5.1196271000662818551e-02,4,1,6,5,3,40,0,45,2,16,0,0,X'FCB197D53EB15A66786109C3188F79721BB2D3E65B4E36905C099F774EBCAE5F',NULL,'billing',NULL);
CREATE TABLE ledger_texts (
	number INTEGER NOT NULL, 
	text TEXT NOT NULL, 
	PRIMARY KEY (number), 
	UNIQUE (text)
);
INSERT INTO "ledger_texts" VALUES(1,'');
INSERT INTO "ledger_texts" VALUES(2,'0650b88f8c60932870dd8168a2eb3b80a5b8678144bccbab7c0619d50048a1bd');
INSERT INTO "ledger_texts" VALUES(3,'730b3dde00d61731d82931520bcee74b3bd4fc25e4d26b0c15202709f68dfef8');
INSERT INTO "ledger_texts" VALUES(4,'default');
INSERT INTO "ledger_texts" VALUES(5,'local');
INSERT INTO "ledger_texts" VALUES(6,'tickets');
INSERT INTO "ledger_texts" VALUES(7,'0094910572d244116b0cf11f8002ecdb38a7ca355a8b13ccfb26bd5d8d10f0d7');
INSERT INTO "ledger_texts" VALUES(8,'f1c8225b9c1ab26430512fd2741493596192a98b10b6c7badd41225c93923ab6');
INSERT INTO "ledger_texts" VALUES(9,'96cbf5c8f6724593c65feabeb6fad60fa4e81d1528d869e79b2ea61e50c69564');
INSERT INTO "ledger_texts" VALUES(10,'56f9506ef38f05e04a2540c7c02820fe53c1762425e97351f3ecba38bc861ffb');
INSERT INTO "ledger_texts" VALUES(11,'73e762175a7c8c1298bf30b24e54ccaaea8156e2f01b5ac5bc9fb3abc528da45');
INSERT INTO "ledger_texts" VALUES(12,'9f94c17d73e3cbd7a83302cc28a3ce1dc94a7247d0d4e0b5a10592315ccb8d69');
INSERT INTO "ledger_texts" VALUES(13,'c632a4d181a28fe272c2e9db4a03ef9a86973de2de79bf8986043d7488d8302a');
INSERT INTO "ledger_texts" VALUES(14,'f959281b308f3450434b2ba349799bb6aaa4d67d2179cf8fb699f4174ea588bc');
INSERT INTO "ledger_texts" VALUES(15,'0b56dc171d3978b250b94f84a03d5df7c0d9cf85048d2e8dee574eaa5b313fc0');
INSERT INTO "ledger_texts" VALUES(16,'bb53b21a9bfec4243b809a2c0c104d40773e870f08c79bc655a246a82a0ad252');
INSERT INTO "ledger_texts" VALUES(17,'213e7f6c703bfacf7e2c2f6c1dc347b7eb6c56d51e088b8540a0f37bcdc110ef');
INSERT INTO "ledger_texts" VALUES(18,'012c2a91deb778d76162913548f485c0f5cadfe0b30260dcbb6c11f09d4c366a');
INSERT INTO "ledger_texts" VALUES(19,'257cc8584f6545f0dac6c0549eb39ec40f81653f3232d37460592edfab2a409b');
INSERT INTO "ledger_texts" VALUES(20,'3b24ae62b79a525dadc5ae334fc383fbd63ccdee321466c50cd0c2f4b47b71da');
INSERT INTO "ledger_texts" VALUES(21,'4d303e578288da34b2ae83011b80433d7f7f172b03b32c47fdea687f94b8d864');
INSERT INTO "ledger_texts" VALUES(22,'7c5ab5807cb052ececfae4cdc92a061cafeb1c86ffe3773a6fbd78e7eabba313');
INSERT INTO "ledger_texts" VALUES(23,'9dd67c6187748b221871fb6b29de8018ed292f73dc62e25d104f28fd091c4a4b');
INSERT INTO "ledger_texts" VALUES(24,'b3e0debec5aa0704f43545d3e587556bd579897b1afb866de570365b2dc21870');
INSERT INTO "ledger_texts" VALUES(25,'bb9d8e68978a818eae51f35df3db2b201fbbe332d15e83ff66a2d402cc283c36');
INSERT INTO "ledger_texts" VALUES(26,'f8ab5ddb4d7f1ba562bdb392ee13245bd578a5f19d79465e3a6f368e84eb5146');
INSERT INTO "ledger_texts" VALUES(27,'0357f126ccaddce1c6054f9d4130c32cdf9bb726ca7f6fcdd5f13d1b9c9e17b3');
INSERT INTO "ledger_texts" VALUES(28,'2804e963f5778bf98d964147f004757716c87debcc885ddb49122483c0637fc1');
INSERT INTO "ledger_texts" VALUES(29,'38ab57c5e2b7ac3b73215309debbe5b19cbaf1acbbe3ddefa51a5b127c504a68');
INSERT INTO "ledger_texts" VALUES(30,'48b27c7cdaac25f63d20b12c67919c533e14307178cebba164d66d770e571c00');
INSERT INTO "ledger_texts" VALUES(31,'50a67cc31a131c11449f65a048c90f0259a8d1bf96afaaae7c0cb0e9209b91fa');
INSERT INTO "ledger_texts" VALUES(32,'58c5a197cacdbcbfaff0642c6e53a7b8902b9e02c24f928acff9ebfd769f5333');
INSERT INTO "ledger_texts" VALUES(33,'8afbea772ea5b63267f6a695b6aec28ad22af50db6355db1f8561f97c6d6d7f3');
INSERT INTO "ledger_texts" VALUES(34,'a4e3c3fbfc09cbfe3d878efcec7c19073e7a8c18f892d8cb2c2a65d4bb693f5d');
INSERT INTO "ledger_texts" VALUES(35,'b8dbe55cbc82f3e8735ee5eb82539f946eaaab85495fdf9158d6deed3fbfd868');
INSERT INTO "ledger_texts" VALUES(36,'ba514e77c3dc7a505d1da520dd80313ae4fdb849735ab6fd4436befd42284195');
INSERT INTO "ledger_texts" VALUES(37,'cba8efa1ac2fd5740d1684a72d13d965637d1ff74b7370a09f215a88f4bb1f0d');
INSERT INTO "ledger_texts" VALUES(38,'e37fa1eaf2d8063319996babc1160f7e86f307f717ac39d74bba5daac1607066');
INSERT INTO "ledger_texts" VALUES(39,'1c3061464970203037fe883c82e0d6446e12e32ace526c11af0033e21a8dc159');
INSERT INTO "ledger_texts" VALUES(40,'40602647a64547543027ecc7a20beefa7e16dd631d1b46ac161b7e7989a5be25');
INSERT INTO "ledger_texts" VALUES(41,'6f313b9eb10e5ec3bd01efc2b9f4d28011a9634e48c4057611cf86ffe48dc95e');
INSERT INTO "ledger_texts" VALUES(42,'98ac87f628c47d77ab8ba2371b599bb88b17ce7837e0b7418063476b1eecdadc');
INSERT INTO "ledger_texts" VALUES(43,'b2468f16271dc2fc9b087bb00ee44ded44c4f1613f6257d64525ad4fc0f88adf');
INSERT INTO "ledger_texts" VALUES(44,'ca531912e62cad38d243291f01fd24cbfbc1d50bfbe1e57b842112861fae2dc0');
CREATE TABLE looks (
	test_digest TEXT NOT NULL, 
	look TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	created_at TEXT NOT NULL, 
	PRIMARY KEY (test_digest, look), 
	UNIQUE (test_digest, number)
);
INSERT INTO "looks" VALUES('96a27b6d1829c37363398f4b12d8de9ac07e2ad38aaddaf1d324c45904cb4147','f4d824fd05d17d141a4928a90b07f15d38e79d9865643bf3a78c9a016ee3cd48',1,'2026-11-21T21:36:33.714+00:00');
CREATE TABLE optimization_events (
	optimization TEXT NOT NULL, 
	sequence INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	data JSON NOT NULL, 
	created_at TEXT NOT NULL, 
	PRIMARY KEY (optimization, sequence), 
	FOREIGN KEY(optimization) REFERENCES optimizations (id)
);
INSERT INTO "optimization_events" VALUES('opt-c5899c041c12',1,'phase','{"phase": "headroom", "calls_planned": 4}','2026-11-21T21:36:33.827+00:00');
INSERT INTO "optimization_events" VALUES('opt-c5899c041c12',2,'log','{"message": "Your prompt scores 0.50 on the first 2 rows, the best of the other prompts tried 1.00."}','2026-11-21T21:36:33.827+00:00');
INSERT INTO "optimization_events" VALUES('opt-c5899c041c12',3,'phase','{"phase": "search", "calls_planned": 16}','2026-11-21T21:36:33.827+00:00');
INSERT INTO "optimization_events" VALUES('opt-c5899c041c12',4,'best','{"score": 1.0, "low": 0.34238022750665303, "high": 1.0, "rows": 2, "prompt": "grammar, 8 demonstrations as chat turns, xml, user, Answer:", "candidates_alive": 6, "calls_done": 8}','2026-11-21T21:36:33.827+00:00');
INSERT INTO "optimization_events" VALUES('opt-c5899c041c12',5,'best','{"score": 1.0, "low": 0.4385029682449546, "high": 1.0, "rows": 3, "prompt": "grammar, 8 demonstrations as chat turns, xml, user, Answer:", "candidates_alive": 3, "calls_done": 13}','2026-11-21T21:36:33.827+00:00');
INSERT INTO "optimization_events" VALUES('opt-c5899c041c12',6,'best','{"score": 1.0, "low": 0.6096657120978346, "high": 1.0, "rows": 6, "prompt": "grammar, 8 demonstrations as chat turns, xml, user, Answer:", "candidates_alive": 2, "calls_done": 19}','2026-11-21T21:36:33.827+00:00');
INSERT INTO "optimization_events" VALUES('opt-c5899c041c12',7,'phase','{"phase": "finalists", "calls_planned": 1}','2026-11-21T21:36:33.827+00:00');
INSERT INTO "optimization_events" VALUES('opt-c5899c041c12',8,'phase','{"phase": "proof", "calls_planned": 20}','2026-11-21T21:36:33.827+00:00');
INSERT INTO "optimization_events" VALUES('opt-c5899c041c12',9,'done','{"status": "succeeded"}','2026-11-21T21:36:33.838+00:00');
CREATE TABLE optimizations (
	id TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	epoch_number INTEGER NOT NULL, 
	task TEXT NOT NULL, 
	status TEXT NOT NULL, 
	ledger_mark BIGINT, 
	spec JSON NOT NULL, 
	request JSON, 
	progress JSON, 
	result JSON, 
	error TEXT, 
	created_at TEXT NOT NULL, 
	updated_at TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (identity, epoch_number)
);
INSERT INTO "optimizations" VALUES('opt-c5899c041c12','45f937b928fccbe8145d5b12c92370060aeb37ee01f1645ceb1e1cd8a74e7def',0,'support-triage','succeeded',0,'{"name": "support-triage", "description": "Route a support message to the team that can solve it.", "inputs": ["message"], "output": "team", "data": {"path": "tickets.csv", "train": null, "validation": null, "test": null}, "split": {"train": 0.2, "validation": 0.4, "test": 0.4, "seed": 0, "near_duplicates": "warn"}, "labels": null, "metric": "accuracy", "prompt": {"instruction": "Which team should handle this message? Answer only with one of: billing, orders, refunds.", "messages": null, "delimiters": null, "placement": null, "answer_marker": null}, "candidates": null, "search": {"proposers": null, "demonstrations": {"count": null, "style": null, "selector": null}, "delimiters": null, "placement": null, "answer_marker": null, "reasoning": ["off"], "temperature": null, "max_tokens": null, "sampler": "posterior"}, "model": {"name": "hosted_vllm/local", "api_base": "http://127.0.0.1:41259/v1", "api_key_env": null, "identity": "tickets", "parameters": {}, "max_concurrency": 16, "timeout_s": 120.0, "outage_s": 600.0, "hedge": false, "prices": null, "batch": false, "special_tokens": null}, "proposer_model": null, "judge_model": null, "headroom": {"repeats": null, "stop": true}, "proof": {"sequential": false}, "budget": {"calls": 40, "tokens": null, "usd": null, "seconds": null}, "objective": {"maximize": "score", "within": null}, "constraints": {"must_contain": [], "must_not_contain": [], "max_prompt_tokens": null, "protected": []}, "slices": [], "promote": {"label": "production", "when": "proven", "non_inferiority": null}, "warm_start": true, "seed": 0}',NULL,'{"phase": "proof", "calls_done": 39, "calls_planned": 39, "rate_per_s": 98.47, "eta_s": 0.0, "seconds": 0.4, "concurrency": 16, "missing": 0, "format_failures": 0, "cached_tokens": 5168, "caps": {"calls": 40, "tokens": null, "usd": null, "seconds": null}, "spent": {"calls": 39, "ledger_hits": 0, "prompt_tokens": 6835, "completion_tokens": 78, "cached_tokens": 5168, "usd": 0.0}, "best": {"score": 1.0, "low": 0.6096657120978346, "high": 1.0, "rows": 6, "prompt": "grammar, 8 demonstrations as chat turns, xml, user, Answer:", "candidates_alive": 2, "calls_done": 19}}','{"optimization_id": "opt-c5899c041c12", "task": "support-triage", "model": {"name": "hosted_vllm/local", "toy": false}, "judge": null, "dataset_digest": "9c6cd4409049aafb37d4b8a090c9fefd4924f213faadd03c9957407f8142bf2e", "seed": 0, "decision": "keep_baseline", "why": "The best candidate''s difference on 10 test rows is +0.500 (deciding 97.0% interval -0.075 to +0.834, p = 0.062). The lower bound is not above 0, so a gain is not proven and your prompt stays.", "winner": {"digest": "f1c8225b9c1ab26430512fd2741493596192a98b10b6c7badd41225c93923ab6", "messages": [{"role": "user", "content": "You are an expert who determines the team from the message.\nRead the message. Which team fits it best?\nAnswer with one of these values, spelled exactly as shown and nothing else.\n\n<input>faulty 26: reimburse before shop money return autumn</input>"}, {"role": "assistant", "content": "Answer: refunds"}, {"role": "user", "content": "<input>street 55: warehouse tracking address window late remember</input>"}, {"role": "assistant", "content": "Answer: orders"}, {"role": "user", "content": "<input>evening 50: money question village voucher broken exchange</input>"}, {"role": "assistant", "content": "Answer: refunds"}, {"role": "user", "content": "<input>courier 52: neighbour address sister again delivery warehouse</input>"}, {"role": "assistant", "content": "Answer: orders"}, {"role": "user", "content": "<input>account 51: kitchen invoice receipt card people corner</input>"}, {"role": "assistant", "content": "Answer: billing"}, {"role": "user", "content": "<input>village 48: answer account vat shop card charged</input>"}, {"role": "assistant", "content": "Answer: billing"}, {"role": "user", "content": "<input>yesterday 10: tracking always warehouse address again parcel</input>"}, {"role": "assistant", "content": "Answer: orders"}, {"role": "user", "content": "<input>reimburse 35: question exchange return autumn voucher tomorrow</input>"}, {"role": "assistant", "content": "Answer: refunds"}, {"role": "user", "content": "<input>{{message}}</input>"}], "variables": ["message"], "parameters": {"temperature": 0, "max_tokens": 24}, "reply_format": {"marker": "Answer:", "opening": null, "closing": null}, "factors": {"instruction": "You are an expert who determines the team from the message.\nRead the message. Which team fits it best?\nAnswer with one of these values, spelled exactly as shown and nothing else.", "instruction_source": "grammar", "demonstrations": 8, "demonstration_ids": ["0a45179b948398b39f4443d7cbc17a0060b847a6fb4c1326e67d94850e646b8b", "558f08b4e424622dd33a5930832eeae7deb3cc9b50603d4154eeac6503e4b90e", "51b07425180891b77a055ecc2b9eb41a99efa659b59f51c0eff0ae9bb3ad5ad9", "aa8d0111d69c330f5de92aa95c3fc37567d2181d310eb669a52402a9843e4cb2", "41a5f49160953c8a6cde2ff0735f188eec99849e2393dd0ce558baf532110757", "c7ac86c8284324244f17b41077803b2be9633ee7a6bc2edd7e8c5fe6c2f4b743", "45a9afd0794d389f1a8a7f4ec3b5ad99cadec199f22d1118ed6f89afa768ebd1", "b04007ba42c5559152bfcdcbaeb47a300d0df2cca69552a1b2691ac56ae73aec"], "demonstration_style": "turns", "demonstration_selector": "nearest", "delimiters": "xml", "placement": "user", "answer_marker": "Answer:", "reasoning": "off"}, "version": null}, "baseline": {"digest": "730b3dde00d61731d82931520bcee74b3bd4fc25e4d26b0c15202709f68dfef8", "messages": [{"role": "system", "content": "Which team should handle this message? Answer only with one of: billing, orders, refunds."}, {"role": "user", "content": "Input: {{message}}\nOutput:"}], "variables": ["message"], "parameters": {"temperature": 0, "max_tokens": 24}, "reply_format": {"marker": "Output:", "opening": null, "closing": null}, "factors": {"instruction": "Which team should handle this message? Answer only with one of: billing, orders, refunds.", "instruction_source": "baseline", "demonstrations": 0, "demonstration_ids": [], "demonstration_style": null, "demonstration_selector": null, "delimiters": "plain", "placement": "system", "answer_marker": null, "reasoning": "off"}, "version": 1}, "runners_up": [{"prompt": {"digest": "96cbf5c8f6724593c65feabeb6fad60fa4e81d1528d869e79b2ea61e50c69564", "messages": [{"role": "user", "content": "You are an expert who determines the team from the message.\nWhich team should handle this message? Answer only with one of: billing, orders, refunds.\nIf more than one fits, choose the one that matches the main point. Never invent a new one.\nWrite a single word, without explanation.\n\n### Input\nstreet 55: warehouse tracking address window late remember\n"}, {"role": "assistant", "content": "orders"}, {"role": "user", "content": "### Input\nwarehouse 1: yesterday website morning courier parcel delivery\n"}, {"role": "assistant", "content": "orders"}, {"role": "user", "content": "### Input\nvat 21: account morning charged kitchen invoice always\n"}, {"role": "assistant", "content": "billing"}, {"role": "user", "content": "### Input\nreimburse 35: question exchange return autumn voucher tomorrow\n"}, {"role": "assistant", "content": "refunds"}, {"role": "user", "content": "### Input\n{{message}}\n"}], "variables": ["message"], "parameters": {"temperature": 0, "max_tokens": 24}, "reply_format": {"marker": null, "opening": null, "closing": null}, "factors": {"instruction": "You are an expert who determines the team from the message.\nWhich team should handle this message? Answer only with one of: billing, orders, refunds.\nIf more than one fits, choose the one that matches the main point. Never invent a new one.\nWrite a single word, without explanation.", "instruction_source": "grammar", "demonstrations": 4, "demonstration_ids": ["558f08b4e424622dd33a5930832eeae7deb3cc9b50603d4154eeac6503e4b90e", "b158a019a40bf129dfec3db8e545bad211518ff4ba37826e5a1c6af7460f7f8e", "9c297045defc3a4213a5c93f4ef43f6655821a8386dbd1f8ea3d09ba25b78da6", "b04007ba42c5559152bfcdcbaeb47a300d0df2cca69552a1b2691ac56ae73aec"], "demonstration_style": "turns", "demonstration_selector": "nearest", "delimiters": "markdown", "placement": "user", "answer_marker": null, "reasoning": "off"}, "version": null}, "score": 1.0, "n": 6}, {"prompt": {"digest": "56f9506ef38f05e04a2540c7c02820fe53c1762425e97351f3ecba38bc861ffb", "messages": [{"role": "system", "content": "You are an expert who determines the team from the message.\nWhich team should handle this message? Answer only with one of: billing, orders, refunds.\nIf more than one fits, choose the one that matches the main point. Never invent a new one.\nThe values of team, with words that are typical of each:\n- billing: typical words are account, charged, vat, answer, card\n- orders: typical words are warehouse, address, again, courier, delivery\n- refunds: typical words are exchange, reimburse, return, voucher, autumn"}, {"role": "user", "content": "Input: warehouse 1: yesterday website morning courier parcel delivery\nOutput: orders\n\nInput: evening 50: money question village voucher broken exchange\nOutput: refunds\n\nInput: {{message}}\nOutput:"}], "variables": ["message"], "parameters": {"temperature": 0, "max_tokens": 24}, "reply_format": {"marker": "Output:", "opening": null, "closing": null}, "factors": {"instruction": "You are an expert who determines the team from the message.\nWhich team should handle this message? Answer only with one of: billing, orders, refunds.\nIf more than one fits, choose the one that matches the main point. Never invent a new one.\nThe values of team, with words that are typical of each:\n- billing: typical words are account, charged, vat, answer, card\n- orders: typical words are warehouse, address, again, courier, delivery\n- refunds: typical words are exchange, reimburse, return, voucher, autumn", "instruction_source": "grammar", "demonstrations": 2, "demonstration_ids": ["b158a019a40bf129dfec3db8e545bad211518ff4ba37826e5a1c6af7460f7f8e", "51b07425180891b77a055ecc2b9eb41a99efa659b59f51c0eff0ae9bb3ad5ad9"], "demonstration_style": "inline", "demonstration_selector": "balanced", "delimiters": "plain", "placement": "system", "answer_marker": null, "reasoning": "off"}, "version": null}, "score": 0.6666666666666666, "n": 3}, {"prompt": {"digest": "9f94c17d73e3cbd7a83302cc28a3ce1dc94a7247d0d4e0b5a10592315ccb8d69", "messages": [{"role": "system", "content": "You help with this task: Route a support message to the team that can solve it.\nWhich team should handle this message? Answer only with one of: billing, orders, refunds.\nWork carefully: consider the whole message before you decide on the team.\nThe values of team, with words that are typical of each:\n- billing: typical words are account, charged, vat, answer, card\n- orders: typical words are warehouse, address, again, courier, delivery\n- refunds: typical words are exchange, reimburse, return, voucher, autumn\nAnswer with one of these values, spelled exactly as shown and nothing else."}, {"role": "user", "content": "{\"input\": \"{{message}}\"}\nAnswer:"}], "variables": ["message"], "parameters": {"temperature": 0, "max_tokens": 24}, "reply_format": {"marker": "Answer:", "opening": null, "closing": null}, "factors": {"instruction": "You help with this task: Route a support message to the team that can solve it.\nWhich team should handle this message? Answer only with one of: billing, orders, refunds.\nWork carefully: consider the whole message before you decide on the team.\nThe values of team, with words that are typical of each:\n- billing: typical words are account, charged, vat, answer, card\n- orders: typical words are warehouse, address, again, courier, delivery\n- refunds: typical words are exchange, reimburse, return, voucher, autumn\nAnswer with one of these values, spelled exactly as shown and nothing else.", "instruction_source": "grammar", "demonstrations": 0, "demonstration_ids": [], "demonstration_style": null, "demonstration_selector": null, "delimiters": "json", "placement": "system", "answer_marker": "Answer:", "reasoning": "off"}, "version": null}, "score": 0.0, "n": 1}, {"prompt": {"digest": "73e762175a7c8c1298bf30b24e54ccaaea8156e2f01b5ac5bc9fb3abc528da45", "messages": [{"role": "system", "content": "Which team should handle this message? Answer only with one of: billing, orders, refunds."}, {"role": "user", "content": "[INPUT] {{message}} [SEP]\n[OUTPUT]"}], "variables": ["message"], "parameters": {"temperature": 0, "max_tokens": 24}, "reply_format": {"marker": "[OUTPUT]", "opening": null, "closing": null}, "factors": {"instruction": "Which team should handle this message? Answer only with one of: billing, orders, refunds.", "instruction_source": "baseline", "demonstrations": 0, "demonstration_ids": [], "demonstration_style": null, "demonstration_selector": null, "delimiters": "brackets", "placement": "system", "answer_marker": null, "reasoning": "off"}, "version": null}, "score": 0.0, "n": 1}], "earlier": [], "evidence": {"split": "test", "method": "fixed", "n": 10, "planned": 10, "missing": 0.0, "winner": {"mean": 1.0, "low": 0.7224672001371107, "high": 1.0}, "baseline": {"mean": 0.5, "low": 0.236593090512564, "high": 0.7634069094874361}, "difference": {"mean": 0.5, "low": -0.024107387999813445, "high": 0.8129139715526015, "p": 0.0625, "test": "exact McNemar"}, "decisive": {"mean": 0.5, "low": -0.07541740735868639, "high": 0.834012623099796, "p": 0.0625, "test": "exact McNemar", "level": 0.9696036449072987, "look": 1}, "slices": [], "per_1000_requests": {"winner": {"prompt_tokens": 275300.0, "completion_tokens": 2000.0, "cost_usd": 0.0}, "baseline": {"prompt_tokens": 44300.0, "completion_tokens": 2000.0, "cost_usd": 0.0}}}, "headroom": {"n": 2, "baseline": {"mean": 0.5, "low": 0.09453120573423074, "high": 0.9054687942657693}, "best_probe": 1.0, "format_failures": 0.0, "noise": null, "spread": 0.5, "verdict": "go_on", "why": "Your prompt scores 0.50 on the first 2 rows, the best of the other prompts tried 1.00."}, "placing": {"ahead": 0, "level": 2, "prompts": 5, "rows": 1}, "front": [{"prompt": {"digest": "f1c8225b9c1ab26430512fd2741493596192a98b10b6c7badd41225c93923ab6", "messages": [{"role": "user", "content": "You are an expert who determines the team from the message.\nRead the message. Which team fits it best?\nAnswer with one of these values, spelled exactly as shown and nothing else.\n\n<input>faulty 26: reimburse before shop money return autumn</input>"}, {"role": "assistant", "content": "Answer: refunds"}, {"role": "user", "content": "<input>street 55: warehouse tracking address window late remember</input>"}, {"role": "assistant", "content": "Answer: orders"}, {"role": "user", "content": "<input>evening 50: money question village voucher broken exchange</input>"}, {"role": "assistant", "content": "Answer: refunds"}, {"role": "user", "content": "<input>courier 52: neighbour address sister again delivery warehouse</input>"}, {"role": "assistant", "content": "Answer: orders"}, {"role": "user", "content": "<input>account 51: kitchen invoice receipt card people corner</input>"}, {"role": "assistant", "content": "Answer: billing"}, {"role": "user", "content": "<input>village 48: answer account vat shop card charged</input>"}, {"role": "assistant", "content": "Answer: billing"}, {"role": "user", "content": "<input>yesterday 10: tracking always warehouse address again parcel</input>"}, {"role": "assistant", "content": "Answer: orders"}, {"role": "user", "content": "<input>reimburse 35: question exchange return autumn voucher tomorrow</input>"}, {"role": "assistant", "content": "Answer: refunds"}, {"role": "user", "content": "<input>{{message}}</input>"}], "variables": ["message"], "parameters": {"temperature": 0, "max_tokens": 24}, "reply_format": {"marker": "Answer:", "opening": null, "closing": null}, "factors": {"instruction": "You are an expert who determines the team from the message.\nRead the message. Which team fits it best?\nAnswer with one of these values, spelled exactly as shown and nothing else.", "instruction_source": "grammar", "demonstrations": 8, "demonstration_ids": ["0a45179b948398b39f4443d7cbc17a0060b847a6fb4c1326e67d94850e646b8b", "558f08b4e424622dd33a5930832eeae7deb3cc9b50603d4154eeac6503e4b90e", "51b07425180891b77a055ecc2b9eb41a99efa659b59f51c0eff0ae9bb3ad5ad9", "aa8d0111d69c330f5de92aa95c3fc37567d2181d310eb669a52402a9843e4cb2", "41a5f49160953c8a6cde2ff0735f188eec99849e2393dd0ce558baf532110757", "c7ac86c8284324244f17b41077803b2be9633ee7a6bc2edd7e8c5fe6c2f4b743", "45a9afd0794d389f1a8a7f4ec3b5ad99cadec199f22d1118ed6f89afa768ebd1", "b04007ba42c5559152bfcdcbaeb47a300d0df2cca69552a1b2691ac56ae73aec"], "demonstration_style": "turns", "demonstration_selector": "nearest", "delimiters": "xml", "placement": "user", "answer_marker": "Answer:", "reasoning": "off"}, "version": null}, "score": {"mean": 1.0, "low": 0.6096657120978346, "high": 1.0}, "n": 6, "difference": null, "as_good": true, "prompt_tokens": 275.0, "completion_tokens": 2.0, "cost_usd_per_1000": 0.0, "latency_s": 0.007204166500741849, "words": "the winner"}, {"prompt": {"digest": "96cbf5c8f6724593c65feabeb6fad60fa4e81d1528d869e79b2ea61e50c69564", "messages": [{"role": "user", "content": "You are an expert who determines the team from the message.\nWhich team should handle this message? Answer only with one of: billing, orders, refunds.\nIf more than one fits, choose the one that matches the main point. Never invent a new one.\nWrite a single word, without explanation.\n\n### Input\nstreet 55: warehouse tracking address window late remember\n"}, {"role": "assistant", "content": "orders"}, {"role": "user", "content": "### Input\nwarehouse 1: yesterday website morning courier parcel delivery\n"}, {"role": "assistant", "content": "orders"}, {"role": "user", "content": "### Input\nvat 21: account morning charged kitchen invoice always\n"}, {"role": "assistant", "content": "billing"}, {"role": "user", "content": "### Input\nreimburse 35: question exchange return autumn voucher tomorrow\n"}, {"role": "assistant", "content": "refunds"}, {"role": "user", "content": "### Input\n{{message}}\n"}], "variables": ["message"], "parameters": {"temperature": 0, "max_tokens": 24}, "reply_format": {"marker": null, "opening": null, "closing": null}, "factors": {"instruction": "You are an expert who determines the team from the message.\nWhich team should handle this message? Answer only with one of: billing, orders, refunds.\nIf more than one fits, choose the one that matches the main point. Never invent a new one.\nWrite a single word, without explanation.", "instruction_source": "grammar", "demonstrations": 4, "demonstration_ids": ["558f08b4e424622dd33a5930832eeae7deb3cc9b50603d4154eeac6503e4b90e", "b158a019a40bf129dfec3db8e545bad211518ff4ba37826e5a1c6af7460f7f8e", "9c297045defc3a4213a5c93f4ef43f6655821a8386dbd1f8ea3d09ba25b78da6", "b04007ba42c5559152bfcdcbaeb47a300d0df2cca69552a1b2691ac56ae73aec"], "demonstration_style": "turns", "demonstration_selector": "nearest", "delimiters": "markdown", "placement": "user", "answer_marker": null, "reasoning": "off"}, "version": null}, "score": {"mean": 1.0, "low": 0.6096657120978346, "high": 1.0}, "n": 6, "difference": {"mean": 0.0, "low": -0.4592581264399005, "high": 0.4592581264399005, "p": 1.0, "test": "exact McNemar"}, "as_good": true, "prompt_tokens": 185.0, "completion_tokens": 2.0, "cost_usd_per_1000": 0.0, "latency_s": 0.008716296502825571, "words": "told apart by too few rows (6: within \u00b146 points); 33 % fewer prompt tokens"}], "cheaper": null, "mattered": {"importance": [], "ablation": [], "words": ["Which factor mattered cannot be said: 5 prompts were tried; which factor matters takes 20."]}, "written": [], "refused": {}, "spent": {"calls": 39, "lost_calls": 0, "ledger_hits": 0, "prompt_tokens": 6835, "completion_tokens": 78, "cached_tokens": 5168, "cached_share": 0.756108266276518, "server_cached_share": null, "usd": 0.0, "seconds": 0.378, "by_phase": {"headroom": 4, "search": 15, "finalists": 0, "report": 0, "proof": 20}, "by_role": {"task": {"calls": 39, "tokens": 6913, "usd": 0.0}}}, "trials": 6, "problems": {}}',NULL,'2026-11-21T21:36:32.973+00:00','2026-11-21T21:36:33.837+00:00');
CREATE TABLE prompt_labels (
	name TEXT NOT NULL, 
	label TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	PRIMARY KEY (name, label), 
	FOREIGN KEY(name, version) REFERENCES prompt_versions (name, version)
);
INSERT INTO "prompt_labels" VALUES('support-triage','production',1);
CREATE TABLE prompt_versions (
	name TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	digest TEXT NOT NULL, 
	prompt JSON NOT NULL, 
	evidence JSON, 
	created_at TEXT NOT NULL, 
	PRIMARY KEY (name, version), 
	UNIQUE (name, digest)
);
INSERT INTO "prompt_versions" VALUES('support-triage',1,'730b3dde00d61731d82931520bcee74b3bd4fc25e4d26b0c15202709f68dfef8','{"digest": "730b3dde00d61731d82931520bcee74b3bd4fc25e4d26b0c15202709f68dfef8", "messages": [{"role": "system", "content": "Which team should handle this message? Answer only with one of: billing, orders, refunds."}, {"role": "user", "content": "Input: {{message}}\nOutput:"}], "variables": ["message"], "parameters": {"temperature": 0, "max_tokens": 24}, "reply_format": {"marker": "Output:", "opening": null, "closing": null}, "factors": {"instruction": "Which team should handle this message? Answer only with one of: billing, orders, refunds.", "instruction_source": "baseline", "demonstrations": 0, "demonstration_ids": [], "demonstration_style": null, "demonstration_selector": null, "delimiters": "plain", "placement": "system", "answer_marker": null, "reasoning": "off"}}','{"split": "test", "method": "fixed", "n": 10, "planned": 10, "missing": 0.0, "winner": {"mean": 1.0, "low": 0.7224672001371107, "high": 1.0}, "baseline": {"mean": 0.5, "low": 0.236593090512564, "high": 0.7634069094874361}, "difference": {"mean": 0.5, "low": -0.024107387999813445, "high": 0.8129139715526015, "p": 0.0625, "test": "exact McNemar"}, "decisive": {"mean": 0.5, "low": -0.07541740735868639, "high": 0.834012623099796, "p": 0.0625, "test": "exact McNemar", "level": 0.9696036449072987, "look": 1}, "slices": [], "per_1000_requests": {"winner": {"prompt_tokens": 275300.0, "completion_tokens": 2000.0, "cost_usd": 0.0}, "baseline": {"prompt_tokens": 44300.0, "completion_tokens": 2000.0, "cost_usd": 0.0}}, "optimization_id": "opt-c5899c041c12", "role": "baseline"}','2026-11-21T21:36:33.790+00:00');
CREATE TABLE searched_data (
	data TEXT NOT NULL, 
	inputs BLOB NOT NULL, 
	answers BLOB NOT NULL, 
	rows BLOB NOT NULL, 
	PRIMARY KEY (data)
);
INSERT INTO "searched_data" VALUES('9c6cd4409049aafb37d4b8a090c9fefd4924f213faadd03c9957407f8142bf2e',X'00000000000000000000000000000000040000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000006000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000070000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000070000000000000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000030000000002000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000060000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000200000000000000000000000000000000000000000000000003000000000000000000000000000000000000000000000000000000000004000000000000000000000000000000000000000000000000000000000000000005000000000000000003040000000000000000000000000900000300000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000300000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000007000000000000000002000000000000000000000008000000000000000000000000000000000000000000000009000000000000000000000000000000000500000700000000000000000000050000000000000000000000000004000300000000000000000000000000000000000000000000000000000000000000000000000000000000000000000400000000000000000000000000000000000000000000000000000004000000000000000700000000000000000000000000000000000000000000000000000000040000000000001D0006000000000000000000000000000200000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000500000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000050000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000060000000000000000000000000000000000000000000000000000000000000000000000000000000000080000000005000000000000000000020000000000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000030000000000000000000000000003000300000000000000002400000000000200000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000080000000100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000006000000000000000000000000000000000007000000000000000000000000000000000000000000000000000000000000000000000600000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000007000000000000000000000000000000000000000500000000000000000000000000000000000000000300040000000000000000000000000000000000000000000000000000000005000000000000000000000000000000000000000000000000000000000000000000000000000000000200000000000000000000000000',X'0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000C00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000C00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000C00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000',X'02E7C25F04369BD5054FDA128D632C910F2364A4783E5AA61833C3782FA6173A18507CA24F7DA476185A6CEDDC93FF2D1FF7392EBF77EA3D21606A55BC18EA4D264C5AAB440BDEA82C5D31ED9FDFD1592E8F8D507A406CBE3E92C574C53C088045A6F9676F8812B64801DDEC9C6BCF3A4ACC8FDE94C3C896519066105F1F83BD531DD54D00F5E23F54302F7D9F4BC1B375B8B27B49FDCC3C783F0BF9EDFFF3BF7B1ED203AFA235F37C9034695FFB129E7D58908D71A939377F1B889C58C8E1198D147E77600B1CCD9285E6FE6A77B342956B3B3748E29620960E362514E86D1BB3BDBF581CBD4D9FB4A57C867927891ABCDCE792BDB170BBBD350BE8A0089947C646C4158962C3C8D17529B4E6D3D318D67CC4E60EED0F06E45037125EBECD65');
CREATE TABLE searches (
	optimization TEXT NOT NULL, 
	answers TEXT NOT NULL, 
	data TEXT NOT NULL, 
	inherited JSON NOT NULL, 
	model TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	PRIMARY KEY (optimization), 
	FOREIGN KEY(optimization) REFERENCES optimizations (id)
);
INSERT INTO "searches" VALUES('opt-c5899c041c12','577fd33cbd23a54265deef2b47a4ee607eff2b0740b21bd7cd5745a4d5c13bfd','9c6cd4409049aafb37d4b8a090c9fefd4924f213faadd03c9957407f8142bf2e','[]','tickets local','2026-11-21T21:36:32.989+00:00');
CREATE INDEX ix_batches_run ON batches (run);
CREATE INDEX ix_batch_requests_batch ON batch_requests (batch);
CREATE INDEX ix_optimizations_identity ON optimizations (identity);
CREATE INDEX searches_by_answers ON searches (answers, created_at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('ledger',61);
COMMIT;
PRAGMA user_version = 2;
